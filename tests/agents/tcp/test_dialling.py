"""agents/tcp/dialling.py: the first address that answers."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from qmtwist.agents.tcp.dialling import dial


@pytest.fixture
def port() -> Iterator[int]:
    """A port on 127.0.0.2 where somebody listens."""
    with socket.create_server(("127.0.0.2", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def silent(port: int) -> Iterator[str]:
    """An address where connections to that port time out: its backlog is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.3", port))
        listener.listen(0)
        waiting = []
        for _ in range(3):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(("127.0.0.3", port))
            waiting.append(client)
        yield "127.0.0.3"
        for client in waiting:
            client.close()


def test_a_host_that_refuses_is_passed_over(port: int) -> None:
    sock, failures = dial(["127.0.0.1", "127.0.0.2"], port)
    assert sock is not None
    assert sock.getpeername() == ("127.0.0.2", port) and sock.gettimeout() is None
    assert failures == [("127.0.0.1", b"connection refused")]
    sock.close()


def test_a_slow_host_is_tried_again_after_all_others(port: int, silent: str) -> None:
    sock, failures = dial([silent, "127.0.0.1"], port, (0, 1))
    assert sock is None
    assert failures == [("127.0.0.1", b"connection refused"), (silent, b"timed out")]
    sock, failures = dial([silent], port, (0, 0))
    assert (sock, failures) == (None, [(silent, b"timed out")])


def test_the_own_address_and_port_are_chosen(port: int) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.9", 0))
        own = probe.getsockname()
    sock, _ = dial(["127.0.0.2"], port, own=own)
    assert sock is not None and sock.getsockname() == own
    sock.close()
    sock, failures = dial(["127.0.0.2"], port, own=("192.0.2.1", 0))
    assert (sock, failures) == (None, [("127.0.0.2", b"address not available")])
