"""forward, condredirect, bouncesaying, except, preline, iftocc, qreceipt, qbiff and qmail-procmail, as programs."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.filterhome import ENVIRON, LIMIT_S, MESSAGE, FilterHome

LINES = (ENVIRON["UFLINE"] + ENVIRON["RPLINE"] + ENVIRON["DTLINE"]).encode()


@pytest.fixture
def place(tmp_path: Path) -> FilterHome:
    return FilterHome(tmp_path)


def test_forward_puts_delivered_to_in_front_and_takes_addresses_as_they_are(place: FilterHome) -> None:
    status, out, err = place.run("forward", "a@b.example", "-n", "joe", "")
    assert (status, out) == (0, b"") and err.startswith(b"forward: qp ")
    (letter,) = place.queued
    assert letter.message == ENVIRON["DTLINE"].encode() + MESSAGE
    assert letter.sender == b"list-owner@host.example" and letter.recipients == [b"a@b.example", b"-n", b"joe", b""]


@pytest.mark.parametrize(("code", "status"), [(31, 100), (53, 111), (81, 111), (11, 100)])
@pytest.mark.parametrize(("name", "words"), [("forward", ("x@y",)), ("condredirect", ("x@y", "true"))])
def test_what_the_queue_refuses_is_explained(
    place: FilterHome, name: str, words: tuple[str, ...], code: int, status: int
) -> None:
    place.refuse(code)
    ended, _, err = place.run(name, *words)
    assert ended == status and err.startswith(f"{name}: fatal: ".encode()) and err.count(b"\n") == 1


@pytest.mark.parametrize(
    ("name", "words", "variable"),
    [
        ("forward", ("x@y",), "NEWSENDER"),
        ("forward", ("x@y",), "DTLINE"),
        ("condredirect", ("x@y", "true"), "SENDER"),
        ("condredirect", ("x@y", "true"), "DTLINE"),
        ("qmail-procmail", (), "UFLINE"),
    ],
)
def test_a_missing_variable_is_named(place: FilterHome, name: str, words: tuple[str, ...], variable: str) -> None:
    status, _, err = place.run(name, *words, **{variable: None})
    assert (status, err) == (100, f"{name}: fatal: {variable} not set\n".encode())
    assert place.queued == []


@pytest.mark.parametrize(
    "call",
    [
        "condredirect",
        "condredirect a@b",
        "bouncesaying",
        "except",
        "preline",
        "preline -x cat",
        "preline -f",
        "qreceipt",
    ],
)
def test_a_wrong_call_is_explained(place: FilterHome, call: str) -> None:
    name, *words = call.split()
    status, _, err = place.run(name, *words)
    assert status == 100 and err.splitlines()[-1].startswith(f"{name}: usage: {name} ".encode())


def test_condredirect_sends_the_whole_message_though_the_program_has_read_it(place: FilterHome) -> None:
    text = b"Subject: s\n\n" + b"x" * 300_000
    status, out, err = place.run("condredirect", "new@b.example", "grep", "-c", "Subject", text=text)
    assert (status, out) == (99, b"1\n") and err.startswith(b"condredirect: qp ")
    (letter,) = place.queued
    assert letter.message == ENVIRON["DTLINE"].encode() + text
    assert (letter.sender, letter.recipients) == (b"s@far.example", [b"new@b.example"])


def test_condredirect_of_what_cannot_be_read_twice_defers(place: FilterHome) -> None:
    ended = subprocess.run(
        [place.program("condredirect"), "a@b", "true"], input=MESSAGE, capture_output=True, env=place.environ,
        timeout=LIMIT_S,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (111, b"condredirect: fatal: unable to rewind: unseekable descriptor\n")


ANSWERS = {"true": 0, "false": 1, "exit 99": 1, "exit 100": 1, "exit 111": 111, "kill -9 $$": 111}


@pytest.mark.parametrize("command", [*ANSWERS, "/no/such/program", "./forbidden"])
def test_the_answer_of_a_program_decides(place: FilterHome, command: str) -> None:
    (place.user / "forbidden").write_text("")
    words = [command] if "/" in command else ["sh", "-c", command]
    answer = ANSWERS.get(command, 1)
    assert place.run("except", *words)[0] == {0: 100, 1: 0, 111: 111}[answer]
    assert (
        place.run("bouncesaying", "No.", *words)[::2]
        == {
            0: (100, b"No.\n"),
            1: (0, b""),
            111: (
                111,
                b"bouncesaying: fatal: %s\n" % (b"child crashed" if "kill" in command else b"temporary child error"),
            ),
        }[answer]
    )
    assert place.run("condredirect", "a@b", *words)[0] == {0: 99, 1: 0, 111: 111}[answer]
    assert len(place.queued) == (answer == 0)


def test_bouncesaying_alone_always_bounces(place: FilterHome) -> None:
    assert place.run("bouncesaying", "Go away.") == (100, b"", b"Go away.\n")


def test_a_script_without_its_first_line_is_read_by_the_shell(place: FilterHome) -> None:
    script = place.user / "script"
    script.write_text('test "$1" = yes\n')
    script.chmod(0o755)
    assert [place.run("except", "./script", word)[0] for word in ("yes", "no")] == [100, 0]


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ((), (0, 1, 2)),
        (("-f",), (1, 2)),
        (("-r",), (0, 2)),
        (("-d",), (0, 1)),
        (("-frd",), ()),
        (("-frd", "-FD"), (0, 2)),
    ],
)
def test_preline_puts_the_chosen_lines_in_front(
    place: FilterHome, options: tuple[str, ...], kept: tuple[int, ...]
) -> None:
    lines = LINES.splitlines(keepends=True)
    assert place.run("preline", *options, "cat") == (0, b"".join([lines[at] for at in kept]) + MESSAGE, b"")


@pytest.mark.parametrize("code", [0, 7, 99, 100, 255])
def test_preline_ends_as_its_command_does(place: FilterHome, code: int) -> None:
    assert place.run("preline", "sh", "-c", f"exit {code}") == (code, b"", b"")


def test_preline_does_not_mind_a_command_that_reads_nothing(place: FilterHome) -> None:
    assert place.run("preline", "true", text=b"x" * 1_000_000) == (0, b"", b"")


def test_preline_gives_all_of_a_large_message(place: FilterHome) -> None:
    text = os.urandom(3_000_000)
    assert place.run("preline", "cat", text=text) == (0, LINES + text, b"")


def test_preline_says_what_it_cannot_run(place: FilterHome) -> None:
    assert place.run("preline", "./nosuch") == (
        100, b"", b"preline: fatal: unable to run ./nosuch: file does not exist\n",
    )  # fmt: skip


@pytest.mark.parametrize("variable", ["UFLINE", "RPLINE", "DTLINE"])
def test_preline_needs_all_three_lines(place: FilterHome, variable: str) -> None:
    assert place.run("preline", "-frd", "cat", **{variable: None})[0] == 100


def test_preline_kills_the_program_rather_than_give_it_half_a_message(place: FilterHome) -> None:
    command = [place.program("preline"), "sh", "-c", "cat >got && mv got whole"]
    with open(place.user / "unreadable", "wb") as stdin:  # for writing only
        ended = subprocess.run(
            command, stdin=stdin, capture_output=True, env=place.environ, cwd=place.user, timeout=LIMIT_S
        )
    assert (ended.returncode, ended.stderr) == (
        111, b"preline: fatal: unable to copy input: file descriptor not open\n",
    )  # fmt: skip
    assert not (place.user / "whole").exists()


def test_a_program_finds_its_signals_as_they_are_by_default(place: FilterHome) -> None:
    """SIGPIPE, which Python ignores, ends a program that writes to nobody; ignored SIGCHLD hides nothing from us."""
    for name in ("preline", "except"):
        _, out, _ = place.run(name, "sh", "-c", "grep SigIgn /proc/self/status")
        assert int(out.split()[1], 16) & (1 << (signal.SIGPIPE - 1)) == 0
    ended = subprocess.run(
        ["sh", "-c", f"trap '' CHLD; exec {place.program('except')} false"], env=place.environ, timeout=LIMIT_S
    )
    assert ended.returncode == 0


@pytest.mark.parametrize(
    ("header", "words", "status"),
    [
        ("To: JOE@host.example, x\n", (), 0),
        ("CC : Joe <joe@host.example>\n", (), 0),
        ("To: x@y\nBcc: joe@host.example\n", (), 100),
        ("To: be@x.y\n", ("al@x.y", "BE@x.y"), 0),
        ("To: joe\n", ("joe",), 100),
        ("To: joe@host.example <x@y>\n", (), 100),
        ("To: x@y (joe@host.example)\n", (), 100),
        ("To: <@relay:joe@host.example>\n", (), 0),
        ("To: a@b c@d joe @ host.example\n", (), 0),
        ('To: "unterminated joe@host.example\n', (), 100),
        ("To: team: a@b, joe@host.example;\n", (), 0),
        ("To: a@b,\n\tjoe@host.example\n", (), 0),
        ("Subject: x\n\nTo: joe@host.example\n", (), 100),
        ("", (), 100),
    ],
)
def test_iftocc_looks_in_to_and_cc(place: FilterHome, header: str, words: tuple[str, ...], status: int) -> None:
    assert place.run("iftocc", *words, text=header.encode() + b"\n") == (status, b"", b"")


def test_iftocc_without_anything_to_look_for_says_no(place: FilterHome) -> None:
    assert place.run("iftocc", RECIPIENT=None)[0] == 100


@pytest.mark.parametrize("name", ["iftocc", "qbiff", "qreceipt joe@host.example", "vacation joe"])
@pytest.mark.parametrize(
    "text",
    [
        b"To: " + b"x" * 10_000_000,
        b"To: " + b"(" * 10_000_000,
        b"To: " + b"a," * 5_000_000 + b"\n\n",
        b"\0" * 10_000_000,
        b"a:b\n" * 300_000,
    ],
    ids=["no line end", "comments", "a list", "NULs", "fields"],
)
def test_a_hostile_header_costs_a_bounded_time_and_memory(place: FilterHome, name: str, text: bytes) -> None:
    program, *words = name.split()
    command = f"ulimit -v 400000; ulimit -t 20; exec {place.program(program)} {' '.join(words)}"
    (place.user / "huge").write_bytes(text)
    with open(place.user / "huge", "rb") as message:
        ended = subprocess.run(
            ["sh", "-c", command], stdin=message, capture_output=True, env=place.environ, cwd=place.user, timeout=60
        )
    assert ended.returncode in (0, 100), ended.stderr
    assert b"Traceback" not in ended.stderr and len(ended.stderr) < 10_000


REQUEST = b"Notice-Requested-Upon-Delivery-To: %s\nMessage-ID: <1@a>\n\n"


@pytest.mark.parametrize(
    "asked", [b"joe@host.example", b'a@b, "joe"@host.example (Joe), c@d', b"Joe <joe@host.example>"]
)
def test_qreceipt_tells_who_asks(place: FilterHome, asked: bytes) -> None:
    assert place.run("qreceipt", "joe@host.example", text=REQUEST % asked) == (0, b"", b"")
    (letter,) = place.queued
    assert (letter.sender, letter.recipients) == (b"", [b"s@far.example"])
    assert b"following address: joe@host.example. Thanks" in letter.body
    assert letter.body.endswith(b"Your Message-ID: <1@a>\n")


@pytest.mark.parametrize("sender", ["", "#@[]", "a\nb@c"])
@pytest.mark.parametrize("asked", [b"joe@host.example", b"("])
def test_qreceipt_tells_nobody_who_has_no_address(place: FilterHome, sender: str, asked: bytes) -> None:
    assert place.run("qreceipt", "joe@host.example", text=REQUEST % asked, SENDER=sender) == (0, b"", b"")
    assert place.queued == []


@pytest.mark.parametrize("asked", [b"JOE@host.example", b"joe", b"x@y (joe@host.example)"])
def test_qreceipt_speaks_for_its_own_address_alone(place: FilterHome, asked: bytes) -> None:
    assert place.run("qreceipt", "joe@host.example", text=REQUEST % asked)[0] == 0
    assert place.queued == []


def test_qreceipt_says_which_request_it_does_not_understand(place: FilterHome) -> None:
    status, _, err = place.run("qreceipt", "joe@host.example", text=REQUEST % b"(x")
    assert (status, err) == (
        100, b"qreceipt: fatal: unable to parse this: Notice-Requested-Upon-Delivery-To: (x\n",
    )  # fmt: skip


@pytest.mark.parametrize(("code", "status", "kind"), [(31, 100, b"permanent"), (53, 111, b"temporary"), (0, 0, b"")])
def test_qreceipt_says_whether_its_notice_may_be_queued_later(
    place: FilterHome, code: int, status: int, kind: bytes
) -> None:
    place.refuse(code)
    ended, _, err = place.run("qreceipt", "joe@host.example", text=REQUEST % b"joe@host.example")
    assert ended == status and err == (b"qreceipt: fatal: %s qmail-queue error\n" % kind if kind else b"")


def test_qbiff_never_fails(place: FilterHome) -> None:
    assert place.run("qbiff") == (0, b"", b"")
    assert place.run("qbiff", USER=None) == (0, b"", b"")
    closed = subprocess.run(f"{place.program('qbiff')} <&-", shell=True, capture_output=True, env=place.environ)
    assert (closed.returncode, closed.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("exit 0", 0),
        ("exit 99", 99),
        ("exit 67", 100),
        ("exit 77", 100),
        ("exit 73", 111),
        ("exit 75", 111),
        ("exit 70", 111),
        ("exit 1", 111),
        ("kill -9 $$", 111),
    ],
)
def test_qmail_procmail_translates_the_exit_code(place: FilterHome, script: str, status: int) -> None:
    procmail = place.home / "bin/procmail"
    procmail.write_text(f'#!/bin/sh\ncat >got; echo "$@"; {script}\n')
    procmail.chmod(0o755)
    ended, out, _ = place.run("qmail-procmail", "-a", "x")
    assert (ended, out) == (status, b"-a x\n")
    assert (place.user / "got").read_bytes() == LINES + MESSAGE
