"""qmail-inject and sendmail as programs, with a stand-in for the queue."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOP = str(Path(__file__).parents[2])
RUN = "import sys; sys.path[:0] = [{top!r}]; from qmtwist.cli.launch import run; run({name!r}, {home!r})"
RECORDER = "#!/bin/sh\ncat >{home}/message\ncat <&1 >{home}/envelope\nexit {status}\n"


class Home:
    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "control").mkdir()
        (path / "control/me").write_text("me.example\n")
        self.queue(0)

    def queue(self, status: int) -> None:
        recorder = self.path / "recorder"
        recorder.write_text(RECORDER.format(home=self.path, status=status))
        recorder.chmod(0o755)

    def run(self, name: str, *words: str, message: bytes = b"", **environ: str) -> tuple[int, bytes, bytes]:
        command = [sys.executable, "-IS", "-c", RUN.format(top=TOP, name=name, home=str(self.path)), *words]
        environ = {"PATH": "/usr/bin:/bin", "USER": "joe", "QMAILQUEUE": str(self.path / "recorder"), **environ}
        ended = subprocess.run(command, input=message, capture_output=True, env=environ, timeout=30)
        return ended.returncode, ended.stdout, ended.stderr

    def queued(self) -> tuple[bytes, bytes] | None:
        """Envelope and message that reached the queue."""
        envelope = self.path / "envelope"
        return (envelope.read_bytes(), (self.path / "message").read_bytes()) if envelope.exists() else None


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_message_is_completed_and_queued(home: Home) -> None:
    assert home.run("qmail-inject", message=b"To: ann\n\nhello") == (0, b"", b"")
    queued = home.queued()
    assert queued is not None
    assert queued[0] == b"Fjoe@me.example\0Tann@me.example\0\0"
    assert queued[1].startswith(b"Date: ") and queued[1].endswith(
        b"From: joe@me.example\nTo: ann@me.example\n\nhello\n"
    )


def test_a_crlf_message_is_queued_with_lf(home: Home) -> None:
    body = b"".join(b"line %d\r\n" % number for number in range(20_000))
    assert home.run("sendmail", "-t", message=b"To: ann@x.y\r\nSubject: s\r\n\r\n" + body)[0] == 0
    queued = home.queued()
    assert queued is not None and b"\r" not in queued[1] and queued[1].endswith(b"\n\n" + body.replace(b"\r\n", b"\n"))


def test_n_prints_instead_of_queueing(home: Home) -> None:
    status, printed, _ = home.run("qmail-inject", "-n", "-f", "me@x.y", message=b"To: a@b.c\n\nx\n")
    assert status == 0 and printed.startswith(b"Return-Path: <me@x.y>\nDate: ") and printed.endswith(b"\n\nx\n")
    assert home.queued() is None


@pytest.mark.parametrize(("status", "ends"), [(31, 100), (53, 111), (11, 100), (99, 111)])
def test_the_queues_verdict_is_the_exit_status(home: Home, status: int, ends: int) -> None:
    home.queue(status)
    assert home.run("qmail-inject", "a@b.c", message=b"\nx\n")[0] == ends


def test_a_message_without_recipients_is_an_error(home: Home) -> None:
    for program in (("qmail-inject",), ("sendmail", "-t"), ("sendmail",)):
        status, _, complaint = home.run(*program, message=b"Subject: lost\n\nx\n")
        assert status == 100 and complaint.startswith(b"qmail-inject: fatal: no recipients")
    assert home.queued() is None


def test_sendmail_takes_what_cron_gives_it(home: Home) -> None:
    words = ("-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t")
    assert home.run("sendmail", *words, message=b"To: root\nSubject: Cron\n\nout\n") == (0, b"", b"")
    queued = home.queued()
    assert queued is not None and queued[0] == b"Fjoe@me.example\0Troot@me.example\0\0"
    assert b'From: "CronDaemon" <joe@me.example>\n' in queued[1]


def test_sendmail_f_sets_sender_and_from(home: Home) -> None:
    assert home.run("sendmail", "-f", "bob@x.y", "--", "ann@b.c", message=b"Subject: s\n\nx\n", NAME="Joe")[0] == 0
    queued = home.queued()
    assert queued is not None and queued[0].startswith(b"Fbob@x.y\0") and b"\nFrom: bob@x.y\n" in queued[1]


def test_sendmail_refuses_what_it_does_not_know(home: Home) -> None:
    status, _, complaint = home.run("sendmail", "-q15m", "a@b.c")
    assert status == 100 and complaint.startswith(b"sendmail: illegal option -- q\nsendmail: usage: ")


def test_mailq_runs_qmail_qread(home: Home) -> None:
    (home.path / "bin").mkdir()
    qread = home.path / "bin/qmail-qread"
    qread.write_text("#!/bin/sh\necho the queue\n")
    qread.chmod(0o755)
    assert home.run("mailq") == home.run("sendmail", "-bp") == (0, b"the queue\n", b"")


def test_bs_runs_qmail_smtpd_as_a_local_client(home: Home) -> None:
    (home.path / "bin").mkdir()
    smtpd = home.path / "bin/qmail-smtpd"
    smtpd.write_text('#!/bin/sh\necho "$PROTO $TCPREMOTEIP ${RELAYCLIENT-no}"\n')
    smtpd.chmod(0o755)
    assert home.run("sendmail", "-bs")[1] == b"TCP 127.0.0.1 \n"
    assert home.run("sendmail", "-bs", PROTO="TCP", TCPREMOTEIP="10.0.0.1")[1] == b"TCP 10.0.0.1 no\n"
    smtpd.unlink()
    assert home.run("sendmail", "-bs") == (111, b"", b"sendmail: fatal: unable to run qmail-smtpd\n")
