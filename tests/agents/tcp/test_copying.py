"""agents/tcp/copying.py: bytes go both ways, and nobody waits for somebody who waits."""

from __future__ import annotations

import contextlib
import os
import socket
import threading

from qmtwist.agents.tcp import copying
from qmtwist.wire.carriage import AddCr, DelCr

BIG = os.urandom(3_000_000)


def read_all(sock: socket.socket) -> bytes:
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while more := sock.recv(65536):
            data += more
    return data


class Between:
    """A copier between two socket pairs, in a thread: `left` talks to `right` through it."""

    def __init__(self, inward: copying.Change | None = None, outward: copying.Change | None = None) -> None:
        self.left, ours = socket.socketpair()
        self.right, theirs = socket.socketpair()
        self.seen: list[tuple[str, bytes]] = []

        def leave(sock: socket.socket) -> None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_WR)

        def copy() -> None:
            with ours, theirs:
                there = copying.Flow(
                    ours.fileno(),
                    theirs.fileno(),
                    inward,
                    lambda data: self.seen.append((">", data)),
                    lambda _: leave(theirs),
                )
                back = copying.Flow(theirs.fileno(), ours.fileno(), outward, leave=lambda _: leave(ours))
                copying.run((there, back), back)

        self._thread = threading.Thread(target=copy)
        self._thread.start()

    def close(self) -> None:
        self.left.close()
        self.right.close()
        self._thread.join(20)
        assert not self._thread.is_alive()


def test_an_end_in_one_direction_leaves_the_other_open() -> None:
    between = Between(AddCr(), DelCr())
    between.left.sendall(b"a\nb")
    between.left.shutdown(socket.SHUT_WR)
    assert read_all(between.right) == b"a\r\nb"
    between.right.sendall(b"c\r\nd\r")
    between.right.shutdown(socket.SHUT_WR)
    assert read_all(between.left) == b"c\nd\r"
    assert between.seen[-1] == (">", b"")
    between.close()


def test_much_passes_in_both_directions_though_neither_side_reads_at_first() -> None:
    between = Between()
    senders = [threading.Thread(target=side.sendall, args=(BIG,)) for side in (between.left, between.right)]
    for sender in senders:
        sender.start()
    received = {}

    def receive(name: str, side: socket.socket) -> None:
        data = b""
        while len(data) < len(BIG):
            data += side.recv(65536)
        received[name] = data

    readers = [
        threading.Thread(target=receive, args=(name, side))
        for name, side in (("left", between.left), ("right", between.right))
    ]
    for thread in readers:
        thread.start()
    for thread in senders + readers:
        thread.join(20)
    assert received == {"left": BIG, "right": BIG}
    between.close()


def test_a_program_that_reads_no_more_can_still_speak() -> None:
    between = Between()
    between.right.shutdown(socket.SHUT_RD)
    between.left.sendall(b"lost")
    between.right.sendall(b"heard")
    between.right.shutdown(socket.SHUT_WR)
    assert read_all(between.left) == b"heard"
    between.close()


def test_it_is_over_when_the_client_has_gone() -> None:
    between = Between()
    between.left.close()
    assert between.right.recv(1) == b""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for _ in range(1000):
            between.right.sendall(b"to nobody")
    between.close()
