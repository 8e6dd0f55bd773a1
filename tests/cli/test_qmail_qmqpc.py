"""cli/submit/qmail_qmqpc.py: the real program in place of qmail-queue, called as qmail's programs call that."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from qmtwist.agents.submit.submission import SubmitResult, submit
from qmtwist.cli.submit.qmail_qmqpc import is_heard
from qmtwist.mail.envelope import Envelope
from tests.support.qmqp_peer import QmqpPeer, nobody
from tests.support.stdio_home import peak_kb

START = "import sys; from qmtwist.cli.submit.qmail_qmqpc import main; sys.exit(main([], sys.argv[1]))"
START_LINE = f"{sys.executable} -c '{START}' {{}}"
Queue = Callable[..., SubmitResult]


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    (tmp_path / "control").mkdir()
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/qmail-queue"
    program.write_text(f"#!/bin/sh\nexec {START_LINE.format(tmp_path)}\n")
    program.chmod(0o755)

    def queue(*lines: bytes, message: Iterable[bytes] = (b"Subject: x\n\nbody\n",)) -> SubmitResult:
        (tmp_path / "control/qmqpservers").write_bytes(b"".join(lines))
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": ":".join(sys.path)}
        environ = {os.fsencode(name): os.fsencode(value) for name, value in environment.items()}
        return submit(str(tmp_path), message, Envelope(b"a@example.com", (b"u@far.example",)), environ)

    return queue


def test_it_stands_in_for_qmail_queue(queue: Queue) -> None:
    with QmqpPeer() as peer:
        assert queue(peer.line).text == b""
    assert peer.got == [b"55:17:Subject: x\n\nbody\n,13:a@example.com,13:u@far.example,,"]


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (b"30:Dsorry, I know no bob (#5.1.1),", b"Dsorry, I know no bob (#5.1.1)"),
        (b"23:Zbusy,\n250 ok\0 (#4.3.0),", b"Zbusy,?250 ok? (#4.3.0)"),
        (b"1:D,", b"Dmail server permanently rejected message (#5.3.0)"),
        (b"1:Z,", b"Zmail server temporarily rejected message (#4.3.0)"),
        (b"", b"Zcommunication with mail server failed (#4.4.2)"),
    ],
)
def test_what_the_server_says_is_passed_on_to_a_caller_that_listens(queue: Queue, reply: bytes, text: bytes) -> None:
    with QmqpPeer(reply) as peer:
        assert queue(peer.line).text == text


@pytest.mark.parametrize(("reply", "code"), [(b"5:Dnope,", 31), (b"5:Zbusy,", 71)])
@pytest.mark.parametrize("descriptor", ["6>&-", "6</dev/null", "6>/dev/null", "6<&0"])
def test_a_caller_that_does_not_listen_gets_the_exit_code(
    queue: Queue, tmp_path: Path, reply: bytes, code: int, descriptor: str
) -> None:
    program = tmp_path / "bin/qmail-queue"
    program.write_text(f"#!/bin/sh\n{START_LINE.format(tmp_path)} {descriptor}\necho $? >{tmp_path}/code\n")
    with QmqpPeer(reply) as peer:
        queue(peer.line)
    assert (tmp_path / "code").read_text() == f"{code}\n"


def test_when_nobody_can_be_reached_the_caller_hears_why(queue: Queue) -> None:
    assert queue(nobody()).text == b"Zconnection to mail server rejected (#4.4.1)"
    assert queue(b"\n").text == b"Zqq unable to read configuration (#4.3.0)"


def test_a_message_that_is_given_up_reaches_nobody(queue: Queue) -> None:
    def failing() -> Iterator[bytes]:
        yield b"half of "
        raise OSError

    with QmqpPeer() as peer:
        assert queue(peer.line, message=failing()).text == b"Zqq read error (#4.3.0)"
    assert peer.got == []


def test_a_long_message_is_not_held_in_memory(queue: Queue, tmp_path: Path) -> None:
    peak = 0

    def reader(connection: socket.socket) -> bytes:
        nonlocal peak
        end = b""
        while not end.endswith(b",,") and (more := connection.recv(65536)):
            end = (end + more)[-2:]
            peak = max(peak, peak_kb(int((tmp_path / "pid").read_text())))
        return end

    program = tmp_path / "bin/qmail-queue"
    program.write_text(f"#!/bin/sh\necho $$ >{tmp_path}/pid\nexec {START_LINE.format(tmp_path)}\n")
    with QmqpPeer(read=reader) as peer:
        assert queue(peer.line, message=(b"x" * 40_000 for _ in range(1001))).text == b""
    assert 0 < peak < 40_000


def test_a_pipe_that_is_written_to_is_heard_and_nothing_else() -> None:
    reading, writing = os.pipe()
    try:
        with open(os.devnull, "wb") as null:
            assert [is_heard(descriptor) for descriptor in (reading, writing, null.fileno(), 9999)] == [
                False, True, False, False,
            ]  # fmt: skip
    finally:
        os.close(reading)
        os.close(writing)


def test_a_server_in_clear_costs_no_import_of_tls(tmp_path: Path) -> None:
    (tmp_path / "control").mkdir()
    (tmp_path / "control/qmqpservers").write_bytes(nobody())
    (tmp_path / "envelope").write_bytes(b"Fa@example.com\0Tu@far.example\0\0")
    program = (
        "import sys; from qmtwist.cli.submit.qmail_qmqpc import main; status = main([], sys.argv[1]); "
        "print(status, sorted({'ssl', 'socket', 'cryptography'}.intersection(sys.modules)), file=sys.stderr)"
    )
    with open(tmp_path / "envelope", "r+b") as envelope:
        ended = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)],
            stdin=subprocess.DEVNULL,
            stdout=envelope,
            stderr=subprocess.PIPE,
            env={"PYTHONPATH": ":".join(sys.path)},
        )
    assert ended.stderr == b"73 []\n"
