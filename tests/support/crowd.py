"""Many clients at once, each with a loopback address of its own."""

from __future__ import annotations

import contextlib
import resource
import selectors
import socket
import time
from collections.abc import Callable, Iterator

import pytest

LIMIT_S = 60.0
CLIENTS = 1000
NETWORKS = 5  # of the clients, all with as many


def many_addresses() -> list[str]:
    """One for each client, from five networks in turn."""
    networks = [f"127.1.{number}." for number in range(NETWORKS)]
    return [f"{network}{number + 1}" for number in range(CLIENTS // NETWORKS) for network in networks]


@contextlib.contextmanager
def many_descriptors() -> Iterator[None]:
    """As many as they need; skips the test where that is not allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 6 * CLIENTS:
        pytest.skip("too few descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * CLIENTS), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Crowd:
    """Many clients at once, each from an address of its own; nobody may wait for ever. Each says `first` at once."""

    def __init__(self, port: int, addresses: list[str], first: bytes = b"") -> None:
        self._first = first
        self.said: dict[socket.socket, bytes] = {}
        self.open: set[socket.socket] = set()
        self._selector = selectors.DefaultSelector()
        for address in addresses:
            sock = socket.socket()
            sock.setblocking(False)
            sock.bind((address, 0))
            sock.connect_ex(("127.0.0.1", port))
            self._selector.register(sock, selectors.EVENT_WRITE if first else selectors.EVENT_READ)
            self.said[sock] = b""
            self.open.add(sock)

    def wait(self, is_enough: Callable[[], bool]) -> None:
        """Listen to all of them until it is enough."""
        deadline = time.monotonic() + LIMIT_S
        while not is_enough():
            assert time.monotonic() < deadline, f"{len(self.open)} still there, {self.silent} have heard nothing"
            for key, _ in self._selector.select(0.5):
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                try:
                    self._go_on(sock, key.events)
                except ConnectionError:
                    self._leave(sock)

    def _go_on(self, sock: socket.socket, event: int) -> None:
        if event == selectors.EVENT_WRITE:
            assert sock.send(self._first) == len(self._first)
            self._selector.modify(sock, selectors.EVENT_READ)
            return
        data = sock.recv(4096)
        self.said[sock] += data
        if not data:
            self._leave(sock)

    def _leave(self, sock: socket.socket) -> None:
        self.open.discard(sock)
        self._selector.unregister(sock)

    @property
    def silent(self) -> int:
        """How many have heard nothing yet."""
        return sum(1 for sock in self.open if not self.said[sock])

    def those_told(self, code: bytes) -> list[socket.socket]:
        """Those who were first told this."""
        return [sock for sock, data in self.said.items() if data.startswith(code)]

    def close(self) -> None:
        """All of them."""
        self._selector.close()
        for sock in self.said:
            sock.close()
