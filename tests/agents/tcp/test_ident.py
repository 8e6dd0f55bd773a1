"""agents/tcp/ident.py: asking a real server on port 113, or none."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from qmtwist.agents.tcp import ident
from qmtwist.agents.tcp.ends import Ends
from qmtwist.wire import ident as protocol

HERE = Ends(b"127.0.0.1", 25, b"127.0.0.1", 33215)


class Server:
    """Answers one question with `reply` in pieces; hangs up, or waits for the end of the test."""

    def __init__(self, *reply: bytes, stays: bool = False) -> None:
        self.asked = b""
        self._reply, self._stays = reply, stays
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with self._listener.accept()[0] as client:
            while not self.asked.endswith(b"\n"):
                self.asked += client.recv(100)
            for piece in self._reply:
                client.sendall(piece)
            if self._stays:
                self._over.wait(20)

    def close(self) -> None:
        self._over.set()
        self._thread.join(20)
        self._listener.close()


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    servers = []

    def ask(*reply: bytes, stays: bool = False, timeout_s: float = 20) -> bytes | None:
        server = Server(*reply, stays=stays)
        servers.append(server)
        monkeypatch.setattr(protocol, "PORT", server.port)
        info = ident.ask(HERE, timeout_s)
        assert server.asked == b"33215 , 25\r\n"
        return info

    yield ask
    for server in servers:
        server.close()


def test_an_answer_an_error_and_half_a_line(ask) -> None:  # type: ignore[no-untyped-def]
    assert ask(b"33215 , 25 : USERID :", b" UNIX : jo", b"e\r\n") == b"joe"
    assert ask(b"33215 , 25 : ERROR : NO-USER\r\n") == b""
    assert ask(b"33215 , 25 : USERID : UNIX : jo") is None
    assert ask() is None


def test_a_server_that_says_nothing_costs_the_time_limit_only(ask) -> None:  # type: ignore[no-untyped-def]
    begun = time.monotonic()
    assert ask(b"332", stays=True, timeout_s=0.2) is None
    assert 0.15 < time.monotonic() - begun < 10


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    monkeypatch.setattr(protocol, "PORT", port)
    assert ident.ask(HERE, 5) is None
    assert ident.ask(HERE, 0) is None
    assert ident.ask(HERE._replace(local_ip=b"192.0.2.1"), 5) is None  # not our address
