"""A list whose subscribers are on several lists."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.errors import Malformed
from qmtwist.rules.lists.split import list_of, shares
from tests.support.filterhome import FilterHome

SPLIT = "# first come\nedu:::us@far.example\n\nexample:0:52:\n:0:25:one\n: 26 : 52 : two@h.dom \n"


@pytest.fixture
def place(tmp_path: Path) -> FilterHome:
    made = FilterHome(tmp_path)
    made.environ |= {"HOST": "h.dom", "SENDER": "joe@x.y", "DTLINE": "Delivered-To: list-subscribe@h.dom\n"}
    made.run("ezmlm-make", directory(made), f"{made.user}/.qmail-list", "list", "h.dom")
    Path(f"{directory(made)}/split").write_text(SPLIT)
    return made


def directory(place: FilterHome) -> str:
    return f"{place.user}/list"


@pytest.mark.parametrize(
    ("action", "sender", "to"),
    [
        ("subscribe", "joe@x.edu", "us-subscribe-joe=x.edu@far.example"),
        ("Unsubscribe-Ann=cs.x.EDU", "joe@x.y", "us-unsubscribe-Ann=cs.x.EDU@far.example"),
        ("subscribe", "a@x.y", "two-subscribe-a=x.y@h.dom"),
        ("subscribe", "c@x.y", "one-subscribe-c=x.y@h.dom"),
    ],
)
def test_a_wish_goes_to_its_sublist(place: FilterHome, action: str, sender: str, to: str) -> None:
    status, _, errors = place.run("ezmlm-split", directory(place), LOCAL=f"list-{action}", SENDER=sender)
    assert status == 99 and errors.startswith(b"ezmlm-split: info: qp ")
    (letter,) = place.queued
    assert (letter.sender, letter.recipients) == (b"list-return-@h.dom", [to.encode()])
    assert letter.message == b"Delivered-To: list-subscribe@h.dom\nSubject: s\n\nbody\n"


@pytest.mark.parametrize(
    ("action", "sender"),
    [
        ("subscribe", "joe@x.example"),
        ("subscribe-tom=x.example", "joe@x.edu"),
        ("sc.1.x-joe=x.edu", "joe@x.edu"),
        ("help", "joe@x.edu"),
        ("allow-subscribe", "joe@x.edu"),
        ("get.1", "joe@x.edu"),
    ],
)
def test_everything_else_is_left_to_the_list(place: FilterHome, action: str, sender: str) -> None:
    ended = place.run("ezmlm-split", directory(place), LOCAL=f"list-{action}", SENDER=sender)
    assert ended == (0, b"", b"") and place.queued == []


def test_a_list_that_is_not_divided(place: FilterHome) -> None:
    for words in (("other",), ("/nowhere/split",)):
        ended = place.run("ezmlm-split", directory(place), *words, LOCAL="list-subscribe")
        assert ended == (0, b"", b"") and place.queued == []


@pytest.mark.parametrize("sender", ["", "#@[]", "joe"])
def test_who_cannot_be_answered_is_not_handed_on(place: FilterHome, sender: str) -> None:
    assert place.run("ezmlm-split", directory(place), LOCAL="list-subscribe", SENDER=sender)[0] == 100


def test_addresses_are_sorted_out(place: FilterHome) -> None:
    text = b"joe@x.edu\n\n# nobody\na@x.y\nc@x.y\ntom@x.example\n"
    status, output, _ = place.run("ezmlm-split", "-D", directory(place), text=text)
    expected = b"us@far.example: joe@x.edu\ntwo@h.dom: a@x.y\none@h.dom: c@x.y\nlist@h.dom: tom@x.example\n"
    assert (status, output) == (0, expected)
    assert place.run("ezmlm-split", directory(place), "-D", "split", text=text)[1] == expected
    assert (
        place.run("ezmlm-split", "-D", text=text)[0] == place.run("ezmlm-split", directory(place), "a", "b")[0] == 100
    )
    assert place.run("ezmlm-split", "-D", directory(place), text=b"joe\n")[0] == 100


def test_a_file_that_is_none_keeps_messages_waiting(place: FilterHome) -> None:
    for text, words in (("no colon\n", b"split: syntax error in line 1"), ("\n:a:b:c\n", b"line 2")):
        Path(f"{directory(place)}/split").write_text(text)
        status, _, errors = place.run("ezmlm-split", directory(place), LOCAL="list-subscribe")
        assert status == 111 and words in errors
    place.refuse(53)
    Path(f"{directory(place)}/split").write_text(SPLIT)
    assert place.run("ezmlm-split", directory(place), LOCAL="list-subscribe", SENDER="a@x.edu")[0] == 111


@given(st.binary(max_size=80), st.binary(max_size=40))
def test_any_file_divides_or_is_refused(text: bytes, address: bytes) -> None:
    try:
        found = list_of(shares(text), address)
    except Malformed:
        return
    assert b"\n" not in found


@given(st.integers(0, 51), st.binary(min_size=1, max_size=20).map(lambda name: name.replace(b"@", b"") + b"@x.y"))
def test_everybody_is_on_one_of_two_halves(at: int, address: bytes) -> None:
    whole = shares(b":0:%d:a\n:%d:52:b\n" % (at, at + 1))
    if address != b"@x.y":
        assert list_of(whole, address) in (b"a", b"b") and list_of(whole, address) == list_of(whole, address.upper())
