"""agents/submit/qmqpc.py: which server gets the message, and what becomes of it when one fails."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from qmtwist.agents.submit import qmqpc
from qmtwist.agents.submit.qmqpc import Failed, Outcome, Spool, converse, forward, read_message
from tests.support.qmqp_peer import QmqpPeer, nobody, reading

MESSAGE = b"Subject: x\n\nbody\n"
ENVELOPE = b"Fa@example.com\0Tu@far.example\0Tv@far.example\0\0"
REQUEST = b"72:17:Subject: x\n\nbody\n,13:a@example.com,13:u@far.example,13:v@far.example,,"
LONG = b"x" * 12_000_000 + b"\n"  # more than all buffers on the way hold


@pytest.fixture(autouse=True)
def stay_here() -> Iterator[None]:
    here = os.getcwd()
    yield
    os.chdir(here)


@contextmanager
def pipe(data: bytes) -> Iterator[int]:
    """A descriptor from which this can be read, whatever its length."""
    reading_end, writing_end = os.pipe()

    def write() -> None:
        with suppress(BrokenPipeError), os.fdopen(writing_end, "wb", buffering=0) as stream:
            stream.write(data)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield reading_end
    finally:
        os.close(reading_end)
        thread.join(20)


Send = Callable[..., Outcome]


@pytest.fixture
def send(tmp_path: Path) -> Send:
    """Forward a message to the servers of these lines."""
    (tmp_path / "control").mkdir()

    def send(*lines: bytes, message: bytes = MESSAGE, envelope: bytes = ENVELOPE) -> Outcome:
        (tmp_path / "control/qmqpservers").write_bytes(b"".join(lines))
        with pipe(message) as zero, pipe(envelope) as one:
            return forward(str(tmp_path), zero, one)

    return send


def test_the_request_is_the_message_and_its_envelope(send: Send) -> None:
    with QmqpPeer() as peer:
        assert send(b"# comment\nmail.example.net\n", peer.line) == Outcome(0)
    assert peer.got == [REQUEST]


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (b"30:Kok 1234567890 qp 1234,", Outcome(0)),
        (b"5:Zbusy,", Outcome(71, b"Zbusy")),
        (b"5:Dnope,", Outcome(31, b"Dnope")),
        (b"99:Dno", Outcome(31, b"Dno")),
        (b"", Outcome(74)),
        (b"220 hello\r\n", Outcome(74)),
        (b"30", Outcome(74)),
    ],
)
def test_whatever_is_answered_to_a_whole_request_is_final(send: Send, reply: bytes, outcome: Outcome) -> None:
    with QmqpPeer(reply) as peer, QmqpPeer() as second:
        assert send(peer.line, second.line) == outcome
    assert (peer.got, second.got) == ([REQUEST], [])


def test_a_server_that_takes_everything_and_is_silent_may_have_it(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qmqpc, "TIMEOUT_S", 0.2)
    with QmqpPeer() as peer, QmqpPeer() as second:
        peer.is_silent = True
        assert send(peer.line, second.line) == Outcome(74)
    assert (peer.got, second.got) == ([REQUEST], [])


def test_the_next_server_is_tried_when_one_cannot_be_reached(send: Send) -> None:
    """S040."""
    with QmqpPeer() as peer:
        assert send(nobody(), peer.line) == Outcome(0)
    assert send(nobody(), nobody()) == Outcome(73, is_final=False)


@pytest.mark.parametrize("count", [0, 1, 70_000])
def test_the_next_server_is_tried_when_one_is_lost_before_the_last_byte(send: Send, count: int) -> None:
    with QmqpPeer(b"", reading(count)) as peer, QmqpPeer() as second:
        assert send(peer.line, second.line, message=LONG) == Outcome(0)
    assert len(peer.got) == 1
    assert second.got == [b"12000062:12000001:" + LONG + b"," + REQUEST[REQUEST.index(b"13:") :]]


def test_the_next_server_is_tried_when_one_stops_reading(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qmqpc, "TIMEOUT_S", 0.5)
    release = threading.Event()

    def stall(connection: socket.socket) -> bytes:
        release.wait(20)
        return b""

    with QmqpPeer(b"", stall) as peer, QmqpPeer() as second:
        try:
            assert send(peer.line, second.line, message=LONG) == Outcome(0)
        finally:
            release.set()
    assert len(second.got) == 1


def test_when_all_are_lost_it_is_for_later(send: Send) -> None:
    with QmqpPeer(b"", reading(10)) as one, QmqpPeer(b"", reading(10)) as two:
        assert send(one.line, two.line, message=LONG) == Outcome(74, is_final=False)
    assert len(one.got) == len(two.got) == 1


def meet(said: bytes) -> tuple[Outcome, bytes]:
    """The outcome with a server that has spoken and hung up its side already, and what it was sent."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(said)
        theirs.shutdown(socket.SHUT_WR)
        outcome = converse(ours, (b"70010:70000:", b",1:s,,"), Spool(b"x" * 70_000, 0, 70_000))
        ours.shutdown(socket.SHUT_WR)
        return outcome, reading(100_000)(theirs)


@pytest.mark.parametrize("said", [b"", b"5:Zbusy,", b"2:Kx,", b"421 go away\r\n"])
def test_a_server_that_hangs_up_too_early_never_gets_the_last_piece(said: bytes) -> None:
    assert meet(said) == (Outcome(74, is_final=False), b"70010:70000:" + b"x" * 70_000)


def test_a_server_that_refuses_for_good_before_the_last_byte_is_believed() -> None:
    assert meet(b"5:Dnope,") == (Outcome(31, b"Dnope"), b"70010:70000:" + b"x" * 70_000)


def test_a_server_may_have_an_ipv6_address(send: Send) -> None:
    try:
        peer = QmqpPeer(host="::1")
    except OSError:
        pytest.skip("this host has no IPv6")
    with peer:
        assert send(peer.line) == Outcome(0)
    assert peer.got == [REQUEST]


@pytest.mark.parametrize(
    ("envelope", "code"),
    [
        (b"Xa@b\0Tu\0\0", 91),
        (b"Fa@b\0Xu\0\0", 91),
        (b"Fa@b\0Tu", 91),
        (b"Fa@b\0Tu\0", 91),
        (b"", 91),
        (b"F" + b"a" * 1003 + b"\0\0", 11),
    ],
)
def test_a_malformed_envelope_reaches_nobody(send: Send, envelope: bytes, code: int) -> None:
    with QmqpPeer() as peer:
        assert send(peer.line, envelope=envelope) == Outcome(code)
    assert peer.got == []


def test_an_empty_recipient_is_sent_and_does_not_end_the_envelope(send: Send) -> None:
    with QmqpPeer() as peer:
        assert send(peer.line, message=b"", envelope=b"F\0T\0Tr\0\0") == Outcome(0)
    assert peer.got == [b"13:0:,0:,0:,1:r,,"]


def test_without_a_server_nothing_is_read(send: Send, tmp_path: Path) -> None:
    assert send(b"\n") == Outcome(55)
    (tmp_path / "control/qmqpservers").unlink()
    assert forward(str(tmp_path), 99, 99) == Outcome(55)
    assert forward(str(tmp_path / "nowhere"), 99, 99) == Outcome(61)


def test_a_closed_descriptor_is_a_read_error(send: Send, tmp_path: Path) -> None:
    (tmp_path / "control/qmqpservers").write_bytes(nobody())
    with pipe(MESSAGE) as zero:
        assert forward(str(tmp_path), 9999, zero) == Outcome(54)
        assert forward(str(tmp_path), zero, 9999) == Outcome(54)


# -- the message


def test_a_file_is_read_from_where_it_stands_and_again_for_the_next_server(send: Send, tmp_path: Path) -> None:
    with tempfile.TemporaryFile() as stream, pipe(ENVELOPE) as one:
        stream.write(b"ignored" + LONG)
        stream.flush()
        os.lseek(stream.fileno(), 7, os.SEEK_SET)
        with QmqpPeer(b"", reading(10)) as peer, QmqpPeer() as second:
            (tmp_path / "control/qmqpservers").write_bytes(peer.line + second.line)
            assert forward(str(tmp_path), stream.fileno(), one) == Outcome(0)
    assert second.got[0].startswith(b"12000062:12000001:xxx")


def test_a_file_that_has_become_shorter_is_never_sent_completely(tmp_path: Path) -> None:
    with tempfile.TemporaryFile() as stream:
        stream.write(b"abc")
        stream.flush()
        ours, theirs = socket.socketpair()
        with ours, theirs, pytest.raises(Failed) as failed:
            converse(ours, (b"10:4:", b",1:s,,"), Spool(stream.fileno(), 0, 4))
    assert failed.value.code == 54


def test_a_long_message_from_a_pipe_is_kept_in_a_file_that_has_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with pipe(LONG) as descriptor:
        spool = read_message(descriptor)
    assert isinstance(spool.source, int)
    assert b"".join(spool.pieces()) == b"".join(spool.pieces()) == LONG
    assert list(tmp_path.iterdir()) == []
    os.close(spool.source)


def test_without_room_a_long_message_is_for_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "nowhere"))
    with pipe(LONG) as descriptor, pytest.raises(Failed) as failed:
        read_message(descriptor)
    assert failed.value.code == 53
