"""qmail-queue's work: into files, or to a daemon that behaves in every possible way."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmtwist.agents.submit import queue
from qmtwist.mail.envelope import Envelope
from qmtwist.store import durable
from qmtwist.store.queue import accept, numbers
from qmtwist.store.queue.layout import Layout
from qmtwist.wire import injection
from qmtwist.wire.envelope import encode_envelope
from qmtwist.wire.netstring import netstring
from qmtwist.wire.text0 import parse_todo
from tests.support.faults import FaultyOs
from tests.support.queues import files, make_queue

ENVELOPE = Envelope(b"s@x", (b"a@b", b"c@d"))
GOOD = encode_envelope(ENVELOPE)
MESSAGE = b"Subject: t\n\nbody\n"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[str]:
    """A home to stand in; the working directory is restored."""
    before = os.getcwd()
    make_queue(str(tmp_path / "queue"))
    yield str(tmp_path)
    os.chdir(before)


def run(home: str, message: bytes = MESSAGE, envelope: bytes = GOOD) -> int:
    """Queue from two files."""
    descriptors = []
    for name, data in (("message", message), ("envelope", envelope)):
        path = f"{home}/{name}"
        with open(path, "wb") as stream:
            stream.write(data)
        descriptors.append(os.open(path, os.O_RDONLY))
    try:
        return queue.enqueue(home, *descriptors)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def layout(home: str) -> Layout:
    return Layout(home + "/queue")


def states(home: str) -> list[str]:
    return sorted(name.split("/")[0] for name in files(layout(home)))


def test_without_a_daemon_the_message_goes_into_files(home: str) -> None:
    assert run(home) == 0
    left = files(layout(home))
    entry = parse_todo(left[f"todo/{numbers.FIRST}"])
    assert entry == (os.getuid(), os.getpid(), ENVELOPE)
    mess = left[f"mess/{numbers.FIRST % 23}/{numbers.FIRST}"]
    assert mess.startswith(b"Received: (qmail %d invoked by uid %d); " % (os.getpid(), os.getuid()))
    assert mess.endswith(b" -0000\n" + MESSAGE)


@pytest.mark.parametrize(
    ("envelope", "code", "left"),
    [
        (b"", 54, []),
        (b"Fs@x\0Tr", 54, []),
        (b"Fs@x\0", 54, []),
        (b"Tr\0Fs\0\0", 91, ["intd", "mess"]),
        (b"F" + b"x" * 1003 + b"\0\0", 11, ["intd", "mess"]),
        (b"F\0\0garbage", 0, ["intd", "mess", "todo"]),
    ],
)
def test_exit_codes_and_leftovers_are_qmails(home: str, envelope: bytes, code: int, left: list[str]) -> None:
    assert run(home, envelope=envelope) == code
    assert states(home) == left


def test_a_missing_home_and_a_missing_queue_have_codes_of_their_own(home: str) -> None:
    assert queue.enqueue(home + "/nowhere", 0, 0) == 61
    os.mkdir(home + "/empty")
    assert queue.enqueue(home + "/empty", 0, 0) == 62


def test_a_closed_descriptor_is_a_read_error(home: str) -> None:
    reader, writer = os.pipe()
    os.close(writer)
    os.close(reader)
    assert queue.enqueue(home, reader, reader) == 54
    assert states(home) == []


def test_a_directory_as_message_is_a_read_error(home: str) -> None:
    descriptor = os.open(home, os.O_RDONLY)
    assert queue.enqueue(home, descriptor, descriptor) == 54
    os.close(descriptor)
    assert states(home) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EMFILE])
def test_whatever_disk_call_fails_the_code_is_temporary_and_success_means_queued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    codes = set()
    before = os.getcwd()
    for failing in range(1, 100):
        home = str(tmp_path / str(failing))
        make_queue(home + "/queue")
        numbers.reserve(layout(home), 1)
        faulty = FaultyOs(failing, code)
        with monkeypatch.context() as context:
            for module in (accept, durable, numbers):
                context.setattr(module, "os", faulty)
            status = run(home)
        codes.add(status)
        if status == 0:
            assert states(home) == ["intd", "mess", "todo"]
            if not faulty.has_failed:
                break
    os.chdir(before)
    assert not faulty.has_failed
    assert codes == {0, 53, 63, 64, 65, 66}


# -- with a daemon

Behaviour = Callable[[socket.socket], None]


@pytest.fixture
def daemon(home: str) -> Iterator[Callable[[Behaviour], None]]:
    """Something that listens at the injection socket and treats one client as told."""
    listener = socket.socket(socket.AF_UNIX)
    os.chdir(home)  # the kernel takes no long names
    listener.bind("queue/lock/injection")
    listener.listen()
    threads = []

    def start(behave: Behaviour) -> None:
        def serve() -> None:
            client, _ = listener.accept()
            with client:
                behave(client)

        threads.append(threading.Thread(target=serve))
        threads[-1].start()

    yield start
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    listener.close()


def hear(client: socket.socket, ending: bytes) -> bytes:
    """What the client says, up to an ending."""
    heard = b""
    while not heard.endswith(ending):
        data = client.recv(65536)
        assert data, heard
        heard += data
    return heard


def answer_all(word: bytes) -> Behaviour:
    def behave(client: socket.socket) -> None:
        said = hear(client, b",")
        assert said == injection.hello(os.getuid(), os.getpid())
        client.sendall(netstring(b"go"))
        assert hear(client, b"\0\0,") == (netstring(MESSAGE) + netstring(b"") + netstring(GOOD))
        if word:
            client.sendall(netstring(word))

    return behave


@pytest.mark.parametrize(
    ("word", "code"), [(b"0 10000000001", 0), (b"53 disk full", 53), (b"71 later", 71), (b"31 never", 31)]
)
def test_the_daemons_answer_is_the_exit_code(
    home: str, daemon: Callable[[Behaviour], None], word: bytes, code: int
) -> None:
    daemon(answer_all(word))
    assert run(home) == code
    assert states(home) == []


@pytest.mark.parametrize("word", [b"", b"nonsense"])
def test_no_answer_to_a_whole_submission_is_temporary_and_writes_no_files(
    home: str, daemon: Callable[[Behaviour], None], word: bytes
) -> None:
    """The daemon may have it: files would make two of it, success might make none."""
    daemon(answer_all(word))
    assert run(home) == 74
    assert states(home) == []


def vanish_at_once(client: socket.socket) -> None:
    return


def vanish_after_hello(client: socket.socket) -> None:
    hear(client, b",")


def say_closing(client: socket.socket) -> None:
    hear(client, b",")
    client.sendall(injection.SAY_CLOSING)


def talk_nonsense(client: socket.socket) -> None:
    client.sendall(b"220 mail.example.org ESMTP\r\n")


@pytest.mark.parametrize("behave", [vanish_at_once, vanish_after_hello, say_closing, talk_nonsense])
def test_a_daemon_that_has_taken_nothing_is_replaced_by_files(
    home: str, daemon: Callable[[Behaviour], None], behave: Behaviour
) -> None:
    daemon(behave)
    assert run(home) == 0
    assert states(home) == ["intd", "mess", "todo"]


def refuse_early(client: socket.socket) -> None:
    hear(client, b",")
    client.sendall(netstring(b"53 disk full"))


def refuse_in_the_middle(client: socket.socket) -> None:
    hear(client, b",")
    client.sendall(netstring(b"go"))
    client.recv(1000)
    client.sendall(netstring(b"53 disk full"))


@pytest.mark.parametrize("behave", [refuse_early, refuse_in_the_middle])
def test_a_refusal_before_the_end_is_believed(
    home: str, daemon: Callable[[Behaviour], None], behave: Behaviour
) -> None:
    daemon(behave)
    assert run(home, message=b"x" * 10_000_000) == 53
    assert states(home) == []


def vanish_in_the_middle(client: socket.socket) -> None:
    hear(client, b",")
    client.sendall(netstring(b"go"))
    client.recv(1000)


def test_a_daemon_that_dies_in_the_middle_leaves_a_temporary_error(
    home: str, daemon: Callable[[Behaviour], None]
) -> None:
    daemon(vanish_in_the_middle)
    assert run(home, message=b"x" * 10_000_000) == 74
    assert states(home) == []


def expect_nothing_more(client: socket.socket) -> None:
    hear(client, b",")
    client.sendall(netstring(b"go"))
    while client.recv(65536):
        pass


def test_a_broken_envelope_is_never_completed_towards_the_daemon(
    home: str, daemon: Callable[[Behaviour], None]
) -> None:
    daemon(expect_nothing_more)
    assert run(home, envelope=GOOD[:-1]) == 54
