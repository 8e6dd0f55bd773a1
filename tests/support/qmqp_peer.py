"""A QMQP server that does what it is told, on a port of its own."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from types import TracebackType


def reading(length: int) -> Callable[[socket.socket], bytes]:
    """Read so many bytes (or to the end)."""

    def read(connection: socket.socket) -> bytes:
        data = bytearray()
        while len(data) < length and (more := connection.recv(min(65536, length - len(data)))):
            data += more
        return bytes(data)

    return read


def request(connection: socket.socket) -> bytes:
    """Read one whole netstring."""
    data = b""
    while b":" not in data:
        if not (more := connection.recv(1)):
            return data
        data += more
    return data + reading(int(data[:-1]) + 1)(connection)


class QmqpPeer:
    """Takes connections: reads with `read`, says `reply`, hangs up. A context manager; `got` is what it has read.

    With a `context` it does so inside TLS; `shown` are the certificates (DER) of those who came, None for none.
    """

    def __init__(
        self,
        reply: bytes = b"2:Kx,",
        read: Callable[[socket.socket], bytes] = request,
        host: str = "127.0.0.1",
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.reply, self.read, self.got = reply, read, list[bytes]()
        self.shown: list[bytes | None] = []
        self._context = context
        self.is_silent = False  # neither answer nor hang up before the client does
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.socket(family)
        self._listener.bind((host, 0))
        self._listener.listen(5)
        self.port: int = self._listener.getsockname()[1]
        self.line = b"[%s]:%d\n" % (host.encode(), self.port)
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> QmqpPeer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(20)
        self._listener.close()
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(20)
            with contextlib.suppress(ConnectionError, ssl.SSLError), self._secured(connection) as spoken:
                self.got.append(self.read(spoken))
                if self.is_silent:
                    spoken.recv(1)
                spoken.sendall(self.reply)

    def _secured(self, connection: socket.socket) -> socket.socket:
        if self._context is None:
            return connection
        with connection:
            encrypted = self._context.wrap_socket(connection, server_side=True)
        self.shown.append(encrypted.getpeercert(binary_form=True))
        return encrypted


def nobody() -> bytes:
    """A line of qmqpservers where nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return b"127.0.0.1:%d\n" % sock.getsockname()[1]
