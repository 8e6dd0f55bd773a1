"""QMTP servers on loopback that record what they are sent, and refuse whom a test names."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

from tests.support.network import listen
from tests.support.peers import LIMIT_S, Message


class QmtpPeer:
    """A QMTP server: `messages` grows; `verdicts` maps recipients to their answer, such as b"Dno such user"."""

    def __init__(self, address: str = "127.0.0.1", port: int = 0) -> None:
        self.verdicts: dict[bytes, bytes] = {}
        self.messages: list[Message] = []
        self.connections = 0
        self.answer: Callable[[bytes], bytes] | None = None  # raw bytes in place of the answers; b"" hangs up
        self._listener = listen(address, port)
        self.address, self.port = address, self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def route(self) -> str:
        """What follows `domain:` in control/qmtproutes."""
        return f"{self.address}:{self.port}"

    def close(self) -> None:
        """Hang up on everybody."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._listener.close()
        self.hang_up()
        for thread in self._threads:
            thread.join(10)

    def hang_up(self) -> None:
        """End all conversations."""
        for opened in self._open:
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> QmtpPeer:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                opened, client = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(opened)
            thread = threading.Thread(target=self._converse, args=(opened, client[0]), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _converse(self, opened: socket.socket, client: str) -> None:
        with opened, opened.makefile("rb") as stream, contextlib.suppress(OSError, ValueError):
            opened.settimeout(LIMIT_S)
            while True:
                body, sender, listed = (read_netstring(stream) for _ in range(3))
                recipients = []
                while listed:
                    length, _, rest = listed.partition(b":")
                    recipients.append(rest[: int(length)])
                    listed = rest[int(length) + 1 :]
                self.messages.append(Message(sender, tuple(recipients), body, b"", client, False))
                if self.answer is not None:
                    data = self.answer(body)
                    if not data:
                        return
                    opened.sendall(data)
                    continue
                for recipient in recipients:
                    text = self.verdicts.get(recipient, b"Kok %d" % len(self.messages))
                    opened.sendall(b"%d:%b," % (len(text), text))


def read_netstring(stream: object) -> bytes:
    """One netstring of a buffered stream.

    :raises ValueError: the stream has ended, or this is none.
    """
    digits = b""
    while (byte := stream.read(1)) != b":":  # type: ignore[attr-defined]
        if not byte.isdigit():
            raise ValueError(digits)
        digits += byte
    data: bytes = stream.read(int(digits))  # type: ignore[attr-defined]
    if stream.read(1) != b",":  # type: ignore[attr-defined]
        raise ValueError(data)
    return data
