"""A descriptor for which there is no room is missing from its own frame, and from no other."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from qmtwist.agents.channel import Channel
from qmtwist.services.fdchannel import FdChannel
from qmtwist.wire import spawn
from qmtwist.wire.spawn import Frame


class NoReactor:
    """Takes note of nothing: the test itself reads."""

    def __getattr__(self, name: str) -> Any:
        return lambda *words: None


@contextmanager
def room_for(count: int) -> Iterator[None]:
    """So many descriptors more can be had, and no other."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = [os.open("/dev/null", os.O_RDONLY) for _ in range(count)]
    limit = max(lowest) + 1
    fillers = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        while True:
            try:
                fillers.append(os.open("/dev/null", os.O_RDONLY))
            except OSError:
                break
        for descriptor in lowest:
            os.close(descriptor)
        yield
    finally:
        for descriptor in fillers:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def files(texts: list[bytes]) -> list[int]:
    found = []
    for text in texts:
        descriptor = os.memfd_create("message")
        os.write(descriptor, text)
        found.append(descriptor)
    return found


def send_all(connection: socket.socket, texts: list[bytes]) -> None:
    for number, descriptor in enumerate(files(texts)):
        socket.send_fds(connection, [spawn.frame(spawn.WORKER, number, b"7")], [descriptor])
        os.close(descriptor)


def text_of(descriptor: int | None) -> bytes | None:
    if descriptor is None:
        return None
    text = os.pread(descriptor, 100, 0)
    os.close(descriptor)
    return text


def test_a_worker_never_takes_one_message_for_another() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        channel = Channel(theirs.detach())
        send_all(ours, [b"ann", b"bob"])
        with room_for(1):
            frames = channel.receive() or []
        send_all(ours, [b"eve"])
        frames += channel.receive() or []
        assert [text_of(channel.take_descriptor()) for _ in frames] == [b"ann", None, b"eve"]
        channel._socket.close()


def test_the_daemon_never_takes_one_worker_for_another() -> None:
    ours, theirs = socket.socketpair()
    taken: list[bytes | None] = []

    def take(frame: Frame) -> None:
        descriptor = channel.take_descriptor()
        if descriptor is None or frame.number == 0:  # the first is kept open, and takes all the room
            taken.append(None if descriptor is None else b"kept")
        else:
            taken.append(text_of(descriptor))

    channel = FdChannel(NoReactor(), ours, take, lambda: None)  # type: ignore[arg-type]
    with theirs:
        send_all(theirs, [b"ann", b"bob", b"cid"])
        with room_for(1):
            for _ in range(3):
                channel.doRead()
        send_all(theirs, [b"-", b"eve"])
        for _ in range(2):
            channel.doRead()
        channel.close()
    assert taken == [b"kept", None, None, b"kept", b"eve"]


def test_what_comes_in_is_not_inherited() -> None:
    ours, theirs = socket.socketpair()
    found: list[int | None] = []
    channel = FdChannel(NoReactor(), ours, lambda frame: found.append(channel.take_descriptor()), lambda: None)  # type: ignore[arg-type]
    with theirs:
        send_all(theirs, [b"ann"])
        channel.doRead()
        channel.close()
    assert found[0] is not None and not os.get_inheritable(found[0])
    os.close(found[0])
