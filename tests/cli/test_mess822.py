"""mess822's programs, each run as a program."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qmtwist.mail.errors import MailError
from qmtwist.mail.header import HeaderReader
from qmtwist.rules.inject import EITHER, Person, Submission
from qmtwist.rules.newinject import compose
from qmtwist.rules.rewrite import Rules
from qmtwist.wire.smtp.command import parse_path
from tests.support.inject_home import Home

STAMPS = b"Date: 1 Jan 2000 00:00:00 -0000\nMessage-ID: <x@y.example>\nFrom: joe@me.example\n"
OPENING = b"MAIL FROM:<joe>\r\nRCPT TO:<a@b.c>\r\nDATA\r\n"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


# -- new-inject


def test_a_message_reaches_the_queue_in_order(home: Home) -> None:
    status, out, errors = home.run("new-inject", message=b"Subject: s\nTo: ann\n" + STAMPS + b"\nbody")
    assert (status, out, errors) == (0, b"", b"")
    text = STAMPS + b"To: ann@me.example\nSubject: s\n\nbody\n"
    assert home.queued() == (b"Fjoe@me.example\0Tann@me.example\0\0", text)


def test_a_line_that_is_no_field_begins_the_body(home: Home) -> None:
    _, out, _ = home.run("new-inject", "-n", "ann", message=b"From joe Mon\nTo: x\n")
    assert out.endswith(b"\nCc: recipient list not shown: ;\n\nFrom joe Mon\nTo: x\n")


def test_wrong_use_is_told(home: Home) -> None:
    usage = b"new-inject: usage: new-inject [ -nNaAhHFIMRS ] [ -f sender ] [ recip ... ]\n\n"
    assert home.run("new-inject", "-z") == (100, b"", b"new-inject: illegal option -- z\n" + usage)
    assert home.run("new-inject", "-f") == (100, b"", b"new-inject: option requires an argument -- f\n" + usage)


@pytest.mark.parametrize(("queue", "status"), [(31, 100), (54, 111)])
def test_what_the_queue_says_is_told(home: Home, queue: int, status: int) -> None:
    home.queue(queue)
    ended, _, errors = home.run("new-inject", "ann", message=b"\n")
    assert ended == status and errors.startswith(b"new-inject: fatal: ")


def test_a_control_file_that_cannot_be_read_is_for_later(home: Home) -> None:
    (home.path / "control/rewrite").mkdir()
    status, _, errors = home.run("new-inject", "ann", message=b"\n")
    assert (
        status == 111 and errors.startswith(b"new-inject: fatal: unable to read or write: ") and home.queued() is None
    )


def test_nothing_is_queued_if_the_output_is_closed(home: Home) -> None:
    status, _, errors = home.run("new-inject", "-n", message=b"To: a\n\n", QMAILMFTFILE=str(home.path))
    assert status == 111 and b"is a directory" in errors


PIECES = [b"To: ", b"Bcc:", b"\n", b" ", b"a@b", b"joe", b"\0", b"\x80", b"x" * 300]
SPECIALS = [b"%c" % byte for byte in b'"\\()<>,@:;[].']
HEADERS = st.lists(st.sampled_from(PIECES + SPECIALS), max_size=40)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(HEADERS)
def test_what_new_inject_accepts_our_server_accepts(pieces: list[bytes]) -> None:
    reader = HeaderReader(has_mbox_lines=False)
    reader.receive(b"".join(pieces) + b"\n\n")
    submission = Submission((), EITHER, None, b"", frozenset(), 0, 1, 2)
    try:
        found = compose(
            reader.fields, Rules([b"=:h.example"]), Person(b"joe", None, None, b"joe", None), submission, b"id"
        )
    except MailError:
        return
    for address in (found.sender, *found.recipients):
        box, at, host = address.rpartition(b"@")
        escaped = (box if at else host).replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        assert parse_path(b'TO:<"' + escaped + b'"' + at + (host if at else b"") + b">").address == address
    again = HeaderReader(has_mbox_lines=False)
    again.receive(found.header + b"\n")
    assert again.rest == b"\n", "the header is one"


# -- ofmipd and ofmipname


def talk(home: Home, sent: bytes, *words: str, **environ: str) -> list[bytes]:
    """The replies."""
    status, said, _ = home.run("ofmipd", *words, message=sent, **environ)
    assert status == (0 if sent.endswith(b"QUIT\r\n") else 1)
    return said.split(b"\r\n")[1:-1]


def test_a_reader_hands_in_a_message(home: Home) -> None:
    sent = OPENING + b"Bcc: z\r\nTo: q\r\n\r\n..x\r\n.\r\n" + OPENING + b"\r\n.\r\nQUIT\r\n"
    replies = talk(home, sent, TCPREMOTEIP="192.0.2.7")
    assert replies == [b"250 ok", b"250 ok", b"354 go ahead", b"250 ok"] * 2 + [b"221 ofmipd.local"]
    envelope, message = home.queued() or (b"", b"")
    assert envelope == b"Fjoe@me.example\0Ta@b.c\0\0"
    assert re.match(
        rb"Received: \(ofmipd 192.0.2.7\); .*\nDate: .*\nMessage-ID: <\d{14}\.2\.\d+\.qmail@me.example>\n", message
    )


def test_a_message_that_does_not_end_is_not_queued(home: Home) -> None:
    assert talk(home, OPENING + b"To: x\r\n\r\nbody\r\n")[-1] == b"354 go ahead"
    queued = home.queued()
    assert queued is None or queued[0] == b""


def test_a_header_that_is_too_long_is_refused(home: Home) -> None:
    long = b"To: " + b"x" * 1_500_000 + b"\r\n\r\n.\r\n"
    replies = talk(home, OPENING + long + b"NOOP\r\nQUIT\r\n")
    assert replies[-3:] == [b"554 header too long (#5.6.0)", b"250 ok", b"221 ofmipd.local"]


def test_the_queue_programs_verdict_is_told(home: Home) -> None:
    home.queue(53)
    assert talk(home, OPENING + b"x\r\n.\r\nQUIT\r\n")[-2] == b"451 qq write error or disk full (#4.3.0)"


def test_a_database_names_senders(home: Home) -> None:
    target, temporary = str(home.path / "n.cdb"), str(home.path / "n.tmp")
    assert home.run("ofmipname", target, temporary, message=b"joe@me.example:Joe:J@x.y:\n") == (0, b"", b"")
    talk(home, OPENING + b"From: x@y\r\n\r\n.\r\nQUIT\r\n", target)
    envelope, message = home.queued() or (b"", b"")
    assert envelope.startswith(b"FJ@x.y\0") and b'\nFrom: "Joe" <J@x.y>\n' in message and b"x@y" not in message
    Path(target).write_bytes(b"\xff" * 3000)
    assert talk(home, b"MAIL FROM:<joe>\r\n", target) == [b"451 unable to read cdb (#4.3.0)"]


def test_a_database_that_cannot_be_made_stays_as_it_was(home: Home) -> None:
    assert home.run("ofmipname", "x") == (100, b"", b"ofmipname: usage: ofmipname cdb tmp\n")
    status, _, errors = home.run("ofmipname", str(home.path / "n.cdb"), "/nowhere/n.tmp", message=b"a:b:c:\n")
    assert status == 111 and errors == b"ofmipname: fatal: unable to create /nowhere/n.tmp: file does not exist\n"


# -- what looks at headers


def test_crlf_is_no_part_of_a_value(home: Home) -> None:
    assert home.run("822field", message=b"Subject: a\r\n b\r\n\r\n")[1] == b" a b\n"


@pytest.mark.parametrize("name", ["822field", "822date", "822received", "822print"])
def test_a_header_without_end_is_told(home: Home, name: str) -> None:
    status, _, errors = home.run(name, message=b"X: y\n" * 210_000)
    assert (status, errors) == (100, b"%s: fatal: too many fields in the header (#5.6.0)\n" % name.encode())


@pytest.mark.parametrize("name", ["822header", "822field", "822print"])
def test_an_input_that_cannot_be_read_is_for_later(home: Home, name: str) -> None:
    unreadable = os.open(home.path / "written", os.O_WRONLY | os.O_CREAT)
    try:
        status, _, errors = home.start(name, stdin=unreadable)
    finally:
        os.close(unreadable)
    assert (status, errors) == (111, b"%s: fatal: unable to read or write: file descriptor not open\n" % name.encode())
