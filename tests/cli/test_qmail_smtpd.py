"""cli/submit/qmail_smtpd.py: the real program on a socket pair, with a stand-in for qmail-queue."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.zone import Zone

START = "import sys; from qmtwist.cli.submit.qmail_smtpd import main; sys.exit(main([], sys.argv[1]))"
QUEUE = """#!/bin/sh
cat >"$0.message.$$"
cat <&1 >"$0.envelope.$$"
printf '%s' "$SAY" >&6
exit ${EXIT:-0}
"""
ENVIRONMENT = {"TCPREMOTEIP": "192.0.2.7", "TCPREMOTEHOST": "client.example.com", "TCPLOCALHOST": "mail.example.org"}
OPENING = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<u@example.org>\r\nDATA\r\n"
BODY = b"Subject: hello\r\n\r\nbody\r\n.\r\n"


class Home:
    """A home with its control files, and the sessions held in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "control").mkdir()
        (path / "bin").mkdir()
        self.control(me=b"mail.example.org\n", rcpthosts=b"example.org\n")
        self.program = path / "bin/qmail-queue"
        self.program.write_text(QUEUE)
        self.program.chmod(0o755)
        self.status: int | None = None
        self.errors = b""

    def control(self, **files: bytes | None) -> None:
        for name, text in files.items():
            if text is None:
                (self.path / "control" / name).unlink()
            else:
                (self.path / "control" / name).write_bytes(text)

    def talk(self, *sent: bytes, **environment: str) -> bytes:
        """Everything the program says to a client that sends this and then nothing more."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                process = subprocess.Popen(
                    [sys.executable, "-c", START, str(self.path)],
                    stdin=theirs, stdout=theirs, stderr=subprocess.PIPE,
                    env={"PATH": os.environ["PATH"], "PYTHONPATH": ":".join(sys.path), **ENVIRONMENT, **environment},
                )  # fmt: skip
            ours.settimeout(20)
            for piece in sent:
                ours.sendall(piece)
            if not environment.get("WAIT"):
                ours.shutdown(socket.SHUT_WR)
            said = b""
            while data := ours.recv(65536):
                said += data
        self.errors = process.communicate(timeout=20)[1]
        self.status = process.returncode
        return said

    def queued(self) -> list[tuple[bytes, bytes]]:
        """Envelope and message of each run of the queue program that got a whole envelope."""
        envelopes = sorted((self.path / "bin").glob("qmail-queue.envelope.*"), key=lambda file: file.stat().st_mtime_ns)
        pairs = [(file.read_bytes(), Path(str(file).replace("envelope", "message")).read_bytes()) for file in envelopes]
        return [(envelope, message) for envelope, message in pairs if envelope.endswith(b"\0\0")]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    yield Home(tmp_path)


def test_a_session_from_greeting_to_quit(home: Home) -> None:
    lines = home.talk(b"HELO dude\r\n" + OPENING + BODY + b"QUIT\r\n").splitlines()
    assert lines[:5] == [
        b"220 mail.example.org ESMTP", b"250 mail.example.org", b"250 ok", b"250 ok", b"354 go ahead",
    ]  # fmt: skip
    assert lines[5].startswith(b"250 ok ") and b" qp " in lines[5]
    assert lines[6:] == [b"221 mail.example.org"]
    assert (home.status, home.errors) == (0, b"")
    [(envelope, message)] = home.queued()
    assert envelope == b"Fa@example.com\0Tu@example.org\0\0"
    first, second, rest = message.split(b"\n", 2)
    assert first == b"Received: from client.example.com (HELO dude) (192.0.2.7)"
    assert second.startswith(b"  by mail.example.org with SMTP; ")
    assert rest == b"Subject: hello\n\nbody\n"


def test_relayclient_and_databytes_come_from_the_environment(home: Home) -> None:
    said = home.talk(
        b"MAIL FROM:<a@b>\r\nRCPT TO:<x@far.example>\r\nDATA\r\n" + BODY + OPENING + b"x" * 90 + b"\r\n.\r\nQUIT\r\n",
        RELAYCLIENT="@fixme",
        DATABYTES="30",
    )
    assert [line[:3] for line in said.splitlines()[3:]] == [b"354", b"250", b"250", b"250", b"354", b"552", b"221"]
    assert [envelope for envelope, _ in home.queued()] == [b"Fa@b\0Tx@far.example@fixme\0\0"]


def test_etrn_is_neither_offered_nor_known_whatever_a_rule_says(home: Home) -> None:
    """The queue is the daemon's business."""
    said = home.talk(b"EHLO dude\r\nETRN example.org\r\nQUIT\r\n", ETRN="")
    assert b"ETRN" not in said and b"\r\n502 5.5.1 unimplemented (#5.5.1)\r\n" in said


@pytest.mark.parametrize(
    ("code", "own", "reply"),
    [
        ("31", "", b"554 mail server permanently rejected message (#5.3.0)"),
        ("53", "Zignored", b"451 qq write error or disk full (#4.3.0)"),
        ("82", "Dsorry, virus found (#5.7.1)", b"554 sorry, virus found (#5.7.1)"),
        ("82", "Zlater\r\n250 ok", b"451 later  250 ok"),
        ("100", "", b"451 qq temporary problem (#4.3.0)"),
    ],
)
def test_what_the_queue_program_says_is_the_reply(home: Home, code: str, own: str, reply: bytes) -> None:
    said = home.talk(OPENING + BODY + b"NOOP\r\nQUIT\r\n", EXIT=code, SAY=own)
    assert said.splitlines()[4:] == [reply, b"250 ok", b"221 mail.example.org"]


def test_badmailfrom_in_the_environment_is_more_of_the_control_file(home: Home) -> None:
    home.control(badmailfrom=b"bad@example.com\n")
    rcpt = b"RCPT TO:<u@example.org>\r\n"
    mails = [
        b"MAIL FROM:<%s>\r\n" % sender + rcpt for sender in (b"bad@example.com", b"joe@Worse.test", b"joe@good.test")
    ]
    said = home.talk(*mails, BADMAILFROM="x@y.example  @worse.test")
    assert [line[:3] for line in said.splitlines()] == [b"220", b"250", b"553", b"250", b"553", b"250", b"250"]


def test_a_bare_lf_and_a_lost_connection_queue_nothing(home: Home) -> None:
    assert home.talk(OPENING + b"bad\nline\r\n.\r\nQUIT\r\n").endswith(
        b"354 go ahead\r\n451 See https://cr.yp.to/docs/smtplf.html.\r\n"
    )
    assert home.status == 1
    assert home.talk(OPENING + b"Subject: x\r\n\r\npart").endswith(b"354 go ahead\r\n")
    assert home.status == 1
    assert home.queued() == []


def test_silence_ends_with_451_and_exit_1(home: Home) -> None:
    home.control(timeoutsmtpd=b"0\n")  # means 1
    assert home.talk(b"NOOP\r\n", WAIT="1").endswith(b"250 ok\r\n451 timeout (#4.4.2)\r\n")
    assert home.status == 1


def test_without_a_name_there_is_no_greeting(home: Home) -> None:
    home.control(me=None)
    assert home.talk() == b"421 unable to read controls (#4.3.0)\r\n"
    assert home.status == 1
    home.control(smtpgreeting=b"g.example  \nnot this\n")
    assert home.talk(b"QUIT\r\n") == b"220 g.example ESMTP\r\n221 g.example\r\n"


def test_without_rcpthosts_everything_is_taken_and_the_log_is_warned(home: Home) -> None:
    home.control(rcpthosts=None)
    assert home.talk(b"MAIL <a@b>\r\nRCPT <x@far.example>\r\nQUIT\r\n").splitlines()[2] == b"250 ok"
    assert home.errors == b"qmail-smtpd: warning: no control/rcpthosts: anybody can relay through this host\n"
    home.control(rcpthosts=b"example.org\n")
    assert home.talk(b"MAIL <a@b>\r\nRCPT <x@far.example>\r\nQUIT\r\n").splitlines()[2][:3] == b"553"


def test_a_damaged_morercpthosts_is_421(home: Home) -> None:
    (home.path / "control/morercpthosts.cdb").write_bytes(b"short")
    assert home.talk(b"MAIL <a@b>\r\nRCPT <x@far.example>\r\nNOOP\r\n").endswith(
        b"250 ok\r\n421 unable to read controls (#4.3.0)\r\n"
    )
    assert home.status == 1


def test_it_starts_without_importing_what_it_does_not_need() -> None:
    names = "argparse pathlib subprocess tempfile logging socket ipaddress attr twisted asyncio dataclasses inspect"
    program = (
        "import sys; import qmtwist.cli.submit.qmail_smtpd\n"
        f"print([name for name in {names.split()!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", program], capture_output=True, env={"PYTHONPATH": ":".join(sys.path)}, check=True
    )
    assert done.stdout == b"[]\n"


# -- SPF

ZONE = """
a.example. TXT "v=spf1 ip4:192.0.2.8 -all exp=why.a.example"
why.a.example. TXT "%{i} is not ours"
b.example. TXT "v=spf1 ip4:192.0.2.7 -all"
"""


def test_the_senders_domain_is_asked_if_a_control_file_says_so(home: Home) -> None:
    opening = (b"HELO x\r\n", b"MAIL FROM:<joe@a.example>\r\nRCPT TO:<u@example.org>\r\nRCPT TO:<v@example.org>\r\n")
    with Zone(ZONE) as zone:
        home.control(nameservers=zone.nameserver.encode() + b"\n")
        assert home.talk(*opening).count(b"250 ok\r\n") == 3 and zone.queries == []
        home.control(spfbehavior=b"3\n")
        said = home.talk(*opening, b"MAIL FROM:<joe@b.example>\r\n" + OPENING.partition(b"\n")[2], BODY)
        assert said.count(b"550 SPF: a.example explains: 192.0.2.7 is not ours (#5.7.23)\r\n") == 2
        assert len([name for name, _, _ in zone.queries if name == "a.example"]) == 1
        ((_, message),) = home.queued()
        assert message.startswith(
            b"Received-SPF: pass (mail.example.org: domain of joe@b.example designates 192.0.2.7 "
        )
        assert message.index(b"Received-SPF") < message.index(b"\nReceived: from ")


def test_spf_is_for_others_and_a_variable_counts_first(home: Home) -> None:
    opening = b"MAIL FROM:<joe@a.example>\r\nRCPT TO:<u@example.org>\r\n"
    with Zone(ZONE) as zone:
        home.control(nameservers=zone.nameserver.encode() + b"\n", spfbehavior=b"3\n")
        assert b"550" not in home.talk(opening, RELAYCLIENT="")
        assert b"550" not in home.talk(opening, SPFBEHAVIOR="0")
        home.control(spfrules=b"ip4:192.0.2.7\n")
        assert b"550" not in home.talk(opening)
        home.control(spfrules=b"192.0.2.7\n")
        assert home.talk().startswith(b"421 unable to read controls (#4.3.0)\r\n")
        home.control(spfrules=None, spfbehavior=None)
        assert b"550 SPF: " in home.talk(opening, SPFBEHAVIOR="3")
