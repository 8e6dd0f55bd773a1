"""vacation as a program, called as its users and those of other vacation programs call it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.filterhome import ENVIRON, FilterHome

TEXT = b"From: S <s@far.example>\nTo: joe@host.example\nSubject: Lunch?\nMessage-ID: <1@far.example>\n\nbody\n"


@pytest.fixture
def place(tmp_path: Path) -> FilterHome:
    return FilterHome(tmp_path)


def test_a_sender_is_answered_once(place: FilterHome) -> None:
    for _ in range(3):
        assert place.run("vacation", "joe", text=TEXT) == (0, b"", b"")
    (letter,) = place.queued
    assert (letter.sender, letter.recipients) == (b"", [b"s@far.example"])
    assert "\nFrom: <joe@host.example>\nTo: <s@far.example>\nSubject: Auto: Lunch?\n" in letter.header
    assert "In-Reply-To: <1@far.example>\nReferences: <1@far.example>\nAuto-Submitted: auto-replied\n" in letter.header
    assert place.run("vacation", "joe", text=TEXT, SENDER="other@far.example")[0] == 0
    assert len(place.queued) == 2


def test_an_answer_is_not_answered(place: FilterHome) -> None:
    """Two people who are away write to each other."""
    place.run("vacation", "joe", text=TEXT)
    (letter,) = place.queued
    for sender in ("", "joe@host.example"):
        place.run("vacation", "s", text=letter.message, SENDER=sender, RECIPIENT="s@far.example")
    assert len(place.queued) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("-a", "all@host.example", "joe"),
        ("joe", "-a", "x", "-a", "ALL"),
        ("-j", "joe"),
        ("-zj", "-t3", "joe"),
        ("-aall", "-t", "2w", "joe"),
        ("-j", "-r", "infinite", "joe"),
    ],
)
def test_aliases_and_j_widen_what_is_answered(place: FilterHome, words: tuple[str, ...]) -> None:
    text = TEXT.replace(b"joe@", b"all@")
    assert place.run("vacation", "joe", text=text)[0] == 0 and place.queued == []
    assert place.run("vacation", *words, text=text) == (0, b"", b"")
    assert len(place.queued) == 1


def test_the_answer_comes_from_the_address_that_was_written_to(place: FilterHome) -> None:
    place.run("vacation", "-a", "Joe.M@other.example", "joe", text=TEXT.replace(b"joe@host", b"joe.m@other"))
    assert "\nFrom: <Joe.M@other.example>\n" in place.queued[0].header


@pytest.mark.parametrize("recipient", ["joe@a\nSubject: buy\n\nthis.example", "joe@a\rb", "jo\x7fe@host.example"])
def test_no_recipient_writes_into_the_header_of_an_answer(place: FilterHome, recipient: str) -> None:
    """QMTP names any bytes, and a line for a whole domain in virtualdomains fits whatever stands before the dot."""
    assert place.run("vacation", "joe", text=TEXT, RECIPIENT=recipient) == (0, b"", b"")
    (letter,) = place.queued
    assert "\nFrom: <joe@" in letter.header and "buy" not in letter.header
    assert not {"\r", "\x7f"} & set(letter.header)


@pytest.mark.parametrize(
    "words", [(), ("joe", "ann"), ("-q", "joe"), ("-a",), ("-t", "x", "joe"), ("-t-1", "joe"), ("-i", "-t", "soon")]
)
def test_a_wrong_call_is_explained(place: FilterHome, words: tuple[str, ...]) -> None:
    status, _, err = place.run("vacation", *words, text=TEXT)
    assert status == 100 and err.splitlines()[-1].startswith(b"vacation: usage: vacation ")
    assert place.queued == [] and os.listdir(place.user) == []


@pytest.mark.parametrize("option", ["-i", "-I"])
def test_initialising_forgets_who_was_answered(place: FilterHome, option: str) -> None:
    place.run("vacation", "joe", text=TEXT)
    assert place.run("vacation", option) == (0, b"", b"")
    place.run("vacation", "joe", text=TEXT)
    assert len(place.queued) == 2


def test_some_are_never_answered_and_the_list_says_so(place: FilterHome) -> None:
    assert place.run("vacation", "-x", text=b"boss@far.example\n\n @list.example \n") == (0, b"", b"")
    for sender in ("boss@far.example", "x@list.example", "s@far.example"):
        assert place.run("vacation", "joe", text=TEXT, SENDER=sender)[0] == 0
    assert [letter.recipients for letter in place.queued] == [[b"s@far.example"]]
    _, out, _ = place.run("vacation", "-l")
    assert out.startswith(b"s@far.example ") and out.endswith(b" -0000\nboss@far.example never\n@list.example never\n")
    place.run("vacation", "-i")
    assert place.run("vacation", "-l") == (0, b"", b"")


def test_a_copy_of_the_answer_goes_to_whom_the_owner_names(place: FilterHome) -> None:
    place.run("vacation", "-c", "deputy@host.example", "joe", text=TEXT)
    (letter,) = place.queued
    assert letter.recipients == [b"s@far.example", b"deputy@host.example"]
    assert "\nCc: <deputy@host.example>\n" in letter.header
    assert place.run("vacation", "-c", "a\nb", "joe", text=TEXT)[0] == 100


def test_the_period_is_that_of_the_call_or_of_the_file(place: FilterHome) -> None:
    place.run("vacation", "-i", "-t", "0")
    for _ in range(2):
        place.run("vacation", "joe", text=TEXT)
    assert len(place.queued) == 2
    place.run("vacation", "-t", "1", "joe", text=TEXT)
    assert len(place.queued) == 2


def test_the_owners_text_is_sent_from_the_owners_file(place: FilterHome) -> None:
    (place.user / ".vacation.msg").write_text("Subject: away (Re: $SUBJECT)\n\nBack on Monday.\n")
    (place.user / "other").write_text("Skiing.\n")
    place.run("vacation", "joe", text=TEXT)
    place.run("vacation", "-f", "seen2", "-m", "other", "joe", text=TEXT)
    first, second = sorted(place.queued, key=lambda letter: letter.body)
    assert first.body == b"Back on Monday.\n" and "\nSubject: away (Re: Lunch?)\n" in first.header
    assert second.body == b"Skiing.\n" and (place.user / "seen2").exists()


def test_the_home_is_that_of_the_delivery_wherever_we_are(place: FilterHome) -> None:
    subprocess.run(
        [place.program("vacation"), "joe"], input=TEXT, env=place.environ, cwd="/", check=True, capture_output=True
    )
    assert (place.user / ".vacation.seen").exists()


def test_behind_preline_and_procmail_the_lines_in_front_give_the_sender(place: FilterHome) -> None:
    lines = (ENVIRON["UFLINE"] + ENVIRON["RPLINE"] + ENVIRON["DTLINE"]).encode()
    place.run("vacation", "joe", text=lines + TEXT, SENDER=None, RECIPIENT=None)
    place.run("preline", "vacation", "joe", text=TEXT, SENDER="t@far.example")
    assert sorted(letter.recipients[0] for letter in place.queued) == [b"s@far.example", b"t@far.example"]
    assert place.run("vacation", "-d", "joe", text=TEXT, SENDER=None) == (
        0, b"", b"vacation: no answer: its envelope sender is not known\n",
    )  # fmt: skip


def test_an_answer_that_cannot_be_queued_now_is_sent_later(place: FilterHome) -> None:
    place.refuse(53)
    status, _, err = place.run("vacation", "joe", text=TEXT)
    assert (status, err) == (111, b"vacation: fatal: qq write error or disk full (#4.3.0)\n")
    place.refuse(31)
    assert place.run("vacation", "joe", text=TEXT)[0] == 100
    place.refuse(None)
    assert place.run("vacation", "joe", text=TEXT)[0] == 0
    assert len(place.queued) == 1


@pytest.mark.parametrize("name", [".vacation.msg", ".vacation.seen"])
def test_a_file_that_cannot_be_used_defers(place: FilterHome, name: str) -> None:
    (place.user / name).mkdir()
    status, _, err = place.run("vacation", "joe", text=TEXT)
    assert status == 111 and err.startswith(b"vacation: fatal: unable to ") and b"is a directory" in err
    assert place.queued == []


def test_killed_in_the_middle_it_answers_at_most_once(place: FilterHome) -> None:
    """The delivery is tried again after a crash while the answer was being queued."""
    crashing = {**place.environ, "QMAILQUEUE": str(place.user / "crash")}
    (place.user / "crash").write_text(f"#!/bin/sh\n{place.environ['QMAILQUEUE']}; kill -9 $PPID\n")
    (place.user / "crash").chmod(0o755)
    ended = subprocess.run([place.program("vacation"), "joe"], input=TEXT, env=crashing, capture_output=True)
    assert ended.returncode == -9 and len(place.queued) == 1
    assert place.run("vacation", "joe", text=TEXT)[0] == 0
    assert len(place.queued) == 1


def test_of_messages_that_come_at_once_one_is_answered(place: FilterHome) -> None:
    running = [
        subprocess.Popen([place.program("vacation"), "joe"], stdin=subprocess.PIPE, env=place.environ, cwd=place.user)
        for _ in range(6)
    ]
    for process in running:
        assert process.stdin is not None
        process.stdin.write(TEXT)
        process.stdin.close()
    assert [process.wait(30) for process in running] == [0] * 6
    assert len(place.queued) == 1
