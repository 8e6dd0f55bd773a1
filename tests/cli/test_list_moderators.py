"""Messages that wait for a moderator: ezmlm-store, ezmlm-gate, ezmlm-moderate and ezmlm-clean."""

from __future__ import annotations

import os
import time
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from tests.support.filterhome import FilterHome, Queued

TEXT = b"From: joe@x.y\nSubject: hi\n\nbody\n"


@pytest.fixture
def place(tmp_path: Path) -> FilterHome:
    made = FilterHome(tmp_path)
    made.environ |= {"SENDER": "joe@x.y"}
    dot = f"{made.user}/.qmail-list"
    assert made.run("ezmlm-make", "-m", directory(made), dot, "list", "h.dom") == (0, b"", b"")
    os.unlink(f"{directory(made)}/dmarc")  # no DNS here
    made.run("ezmlm-sub", directory(made), "ann@x.y")
    made.run("ezmlm-sub", f"{directory(made)}/mod", "tom@x.y", "eva@x.y")
    return made


def directory(place: FilterHome) -> str:
    return f"{place.user}/list"


def new(place: FilterHome, name: str, text: bytes = TEXT, **environ: str) -> Queued | None:
    """What a program that succeeds queues; nothing else."""
    before = [letter.message for letter in place.queued]
    status, _, errors = place.run(name, directory(place), text=text, **environ)
    assert status == (99 if name == "ezmlm-moderate" else 0), errors
    found = [letter for letter in place.queued if letter.message not in before]
    assert len(found) < 2
    return found[0] if found else None


def ask(place: FilterHome, **environ: str) -> Message:
    """The letter to the moderators about a message."""
    letter = new(place, "ezmlm-store", **environ)
    assert letter is not None and sorted(letter.recipients) == [b"eva@x.y", b"tom@x.y"]
    assert letter.sender == b"list-return-@h.dom"
    return message_from_bytes(letter.message)


def local(address: str) -> str:
    return address.partition("@")[0]


def waiting(place: FilterHome, state: str = "pending") -> list[str]:
    return os.listdir(f"{directory(place)}/mod/{state}")


def test_the_files_of_a_list_with_moderators(place: FilterHome) -> None:
    links = {name for name in os.listdir(place.user) if name.startswith(".qmail")}
    ends = ("", "-owner", "-default", "-return-default", "-accept-default", "-reject-default")
    assert links == {".qmail-list" + end for end in ends}
    assert "/ezmlm-moderate' " in Path(f"{place.user}/.qmail-list-accept-default").read_text()
    editor = Path(f"{place.user}/.qmail-list").read_text()
    assert "/ezmlm-store' " in editor and "/ezmlm-send'" not in editor and "/ezmlm-clean' " in editor


def test_a_message_is_sent_when_a_moderator_accepts_it(place: FilterHome) -> None:
    letter = ask(place)
    assert letter["Subject"] == "MODERATE for list@h.dom" and letter["From"].startswith("list-reject-")
    text, shown = letter.get_payload()
    assert f"\n   {letter['Reply-To']}\n" in text.get_payload() and f"\n   {letter['From']}\n" in text.get_payload()
    assert shown.get_payload()[0]["Subject"] == "hi" and len(waiting(place)) == 1
    accept = local(letter["Reply-To"])
    posted = new(place, "ezmlm-moderate", LOCAL=accept, SENDER="tom@x.y")
    assert posted is not None and posted.recipients == [b"ann@x.y"] and posted.body == b"body\n"
    assert posted.sender == b"list-return-1-@h.dom-@[]"
    assert Path(f"{directory(place)}/archive/0/01").read_bytes().startswith(b"Return-Path: <joe@x.y>\n")
    assert waiting(place) == [] and len(waiting(place, "accepted")) == 1
    assert new(place, "ezmlm-moderate", LOCAL=accept, SENDER="eva@x.y") is None
    status, _, errors = place.run("ezmlm-moderate", directory(place), LOCAL=local(letter["From"]), SENDER="eva@x.y")
    assert status == 100 and b"the message has been accepted already (#5.7.0)" in errors


@pytest.mark.parametrize(
    ("author", "reply", "is_told"),
    [
        ("ann@x.y", b"Subject: no\n\nno\n", True),
        ("spam@far.example", b"Subject: no\n\nno\n", False),
        ("spam@far.example", b"Subject: no\n\n> %%%\n> too long\n> %%%\n", True),
        ("", b"Subject: no\n\n%%%\nx\n%%%\n", False),
    ],
)
def test_who_hears_of_a_refusal(place: FilterHome, author: str, reply: bytes, is_told: bool) -> None:
    letter = ask(place, SENDER=author or "none@x.y")
    (name,) = waiting(place)
    if not author:
        Path(f"{directory(place)}/mod/pending/{name}").write_bytes(TEXT)
    told = new(place, "ezmlm-moderate", reply, LOCAL=local(letter["From"]), SENDER="tom@x.y")
    assert (told is not None) is is_told
    if told is not None:
        text, returned = message_from_bytes(told.message).get_payload()
        assert told.recipients == [author.encode()] and returned.get_payload()[0]["Subject"] == "hi"
        assert ("\ntoo long\n" in text.get_payload()) is (b"too long" in reply)
    assert waiting(place) == [] and waiting(place, "rejected") == [name]
    status, _, errors = place.run("ezmlm-moderate", directory(place), LOCAL=local(letter["Reply-To"]))
    assert status == 100 and b"rejected already" in errors


def test_nobody_else_decides(place: FilterHome) -> None:
    accept = local(ask(place)["Reply-To"])
    forged = accept[:-1] + ("a" if accept[-1] != "a" else "b")
    for address, sender in ((forged, "tom@x.y"), (accept, ""), ("other-accept-1.2.x", "tom@x.y")):
        assert place.run("ezmlm-moderate", directory(place), LOCAL=address, SENDER=sender)[0] == 100
    assert place.run("ezmlm-moderate", directory(place), LOCAL="list-subscribe") == (0, b"", b"")
    assert len(place.queued) == 1 and len(waiting(place)) == 1
    os.unlink(f"{directory(place)}/mod/pending/{waiting(place)[0]}")
    status, _, errors = place.run("ezmlm-moderate", directory(place), LOCAL=accept)
    assert status == 100 and b"the message is not there any more: nobody decided in time (#5.7.0)" in errors


def test_nothing_waits_when_the_moderators_cannot_be_asked(place: FilterHome) -> None:
    place.refuse(53)
    assert place.run("ezmlm-store", directory(place), text=TEXT)[0] == 111 and waiting(place) == []
    place.refuse(None)
    accept = local(ask(place)["Reply-To"])
    place.refuse(53)
    assert place.run("ezmlm-moderate", directory(place), LOCAL=accept, SENDER="tom@x.y")[0] == 111
    assert len(waiting(place)) == 1 and waiting(place, "accepted") == []
    place.refuse(None)
    assert new(place, "ezmlm-moderate", LOCAL=accept, SENDER="tom@x.y") is not None
    place.run("ezmlm-unsub", f"{directory(place)}/mod", "tom@x.y", "eva@x.y")
    status, _, errors = place.run("ezmlm-store", directory(place), text=TEXT)
    assert status == 111 and b"there are no moderators" in errors and waiting(place) == []


@pytest.mark.parametrize(
    "text", [b"Mailing-List: x\n\n", b"Delivered-To: moderator for list@h.dom\n\n", b"a: b\n c" * 400_000]
)
def test_what_is_not_kept(place: FilterHome, text: bytes) -> None:
    assert place.run("ezmlm-store", directory(place), text=text)[0] == 100
    assert place.run("ezmlm-store", directory(place), text=TEXT, SENDER="")[0] == 100
    assert waiting(place) == [] and place.queued == []


def test_the_moderators_of_another_directory_and_none(place: FilterHome) -> None:
    os.rename(f"{directory(place)}/mod/subscribers", f"{place.user}/subscribers")
    Path(f"{directory(place)}/modpost").write_text(f"{place.user}\n")
    ask(place)
    os.unlink(f"{directory(place)}/modpost")
    sent = new(place, "ezmlm-store")
    assert sent is not None and sent.recipients == [b"ann@x.y"]


def test_known_senders_need_no_moderator(place: FilterHome) -> None:
    moderators = {b"tom@x.y", b"eva@x.y"}
    for words, known, unknown in (((), "ANN@x.y", "no@x.y"), (("mod", "allow"), "tom@x.y", "ann@x.y")):
        for sender, recipients in ((known, {b"ann@x.y"}), (unknown, moderators), ("odd", moderators)):
            before = [letter.message for letter in place.queued]
            ended = place.run("ezmlm-gate", directory(place), *words, text=TEXT + sender.encode(), SENDER=sender)
            assert ended[0] == 0 and ended[2].startswith(b"ezmlm-gate: info: qp ")
            (letter,) = [letter for letter in place.queued if letter.message not in before]
            assert set(letter.recipients) == recipients


def test_what_nobody_decides_about_is_removed(place: FilterHome) -> None:
    now = int(time.time())
    for age, hours, author, is_told in (
        (119, "", "ann@x.y", None),
        (121, "", "ann@x.y", True),
        (25, "1", "s@x.y", False),
    ):
        ask(place, SENDER=author)
        (name,) = waiting(place)
        folder = f"{directory(place)}/mod/pending"
        os.rename(f"{folder}/{name}", f"{folder}/{now - age * 3600}.7")
        Path(f"{directory(place)}/modtime").write_text(hours)
        told = new(place, "ezmlm-clean")
        assert (told is not None) is bool(is_told) and len(waiting(place)) == (is_told is None)
        if told is not None:
            assert told.recipients == [b"ann@x.y"] and b"no moderator has\ndecided" in told.body
        if is_told is None:
            os.unlink(f"{folder}/{now - age * 3600}.7")


def test_what_was_decided_is_forgotten_and_half_a_message_is_no_message(place: FilterHome) -> None:
    now, top = int(time.time()), f"{directory(place)}/mod"
    for name in (f"accepted/{now - 900_000}.1", f"accepted/{now}.2", f"pending/{now - 900_000}.3", "rejected/x"):
        Path(f"{top}/{name}").touch(0o600)
    assert new(place, "ezmlm-clean") is None
    assert (waiting(place), waiting(place, "accepted"), waiting(place, "rejected")) == ([], [f"{now}.2"], ["x"])
