"""The same load by QMTP and by SMTP, from one process: connections that are kept, each with one message at a time.

SMTP is spoken with PIPELINING, as a client of ours does: MAIL, RCPT and DATA in one piece, then the message.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
from collections.abc import Iterator
from typing import NamedTuple

from bench.load import MESSAGE_BYTES

HEADER = "Subject: bench\nFrom: sender@sender.example\n\n"
SENDER = "sender@sender.example"
LIMIT_S = 60.0


class Turn(NamedTuple):
    """What is sent, and how its answer ends: with so many of these bytes at an end of a line or of a netstring."""

    data: bytes
    end: bytes
    times: int

    def is_good(self, answer: bytes) -> bool:
        """Whether everything was accepted."""
        if self.end == b",":
            return b":K" in answer
        return all(line[:1] in (b"2", b"3") for line in answer.splitlines())


def message(newline: str) -> str:
    """A message of MESSAGE_BYTES, whatever ends its lines."""
    lines = (MESSAGE_BYTES - len(HEADER)) // 64
    return (HEADER + ("y" * 63 + "\n") * lines).replace("\n", newline)


def qmtp_turns(recipient: str) -> list[Turn]:
    """A message by QMTP."""
    text = "\n" + message("\n")
    listed = f"{len(recipient)}:{recipient},"
    package = f"{len(text)}:{text},{len(SENDER)}:{SENDER},{len(listed)}:{listed},"
    return [Turn(package.encode(), b",", 1)]


def smtp_turns(recipient: str) -> list[Turn]:
    """The same by SMTP."""
    envelope = f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n"
    return [Turn(envelope.encode(), b"\n", 3), Turn(f"{message(chr(13) + chr(10))}.\r\n".encode(), b"\n", 1)]


class Connection:
    """One of them: it takes messages from the common heap until that is empty."""

    def __init__(self, port: int, greeting: bool) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), LIMIT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._left: Iterator[Turn] = iter(())
        self._turn: Turn | None = None
        self._answer = b""
        if greeting:
            self._hear()
            self.socket.sendall(b"HELO bench.example\r\n")
            self._hear()

    def _hear(self) -> None:
        while not self.socket.recv(1000).endswith(b"\n"):
            pass

    def begin(self, turns: list[Turn]) -> None:
        """The next message."""
        self._left = iter(turns)
        self.go_on()

    def go_on(self) -> bool:
        """The next piece; False if the message is through."""
        self._turn, self._answer = next(self._left, None), b""
        if self._turn is None:
            return False
        self.socket.sendall(self._turn.data)
        return True

    def hear(self) -> bool:
        """Whether the answer to the last piece is complete.

        :raises SystemExit: it is not the one that was hoped for.
        """
        assert self._turn is not None
        data = self.socket.recv(4096)
        self._answer += data
        if not data:
            raise SystemExit(f"bench: hung up after {self._answer!r}")
        if self._answer.count(self._turn.end) < self._turn.times:
            return False
        if not self._turn.is_good(self._answer):
            raise SystemExit(f"bench: answered {self._answer!r}")
        return True


def send(port: int, turns: list[Turn], sessions: int, messages: int, greeting: bool) -> None:
    """Send so many; returns when the last one is accepted."""
    with contextlib.ExitStack() as opened:
        selector = opened.enter_context(selectors.DefaultSelector())
        connections = []
        for _ in range(min(sessions, messages)):
            connection = Connection(port, greeting)
            opened.enter_context(connection.socket)
            connections.append(connection)
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.begin(turns)
        left, done = messages - len(connections), 0
        while done < messages:
            ready = selector.select(LIMIT_S)
            if not ready:
                raise SystemExit("bench: no answer")
            for key, _ in ready:
                if not key.data.hear() or key.data.go_on():
                    continue
                done += 1
                if left:
                    left -= 1
                    key.data.begin(turns)
                else:
                    selector.unregister(key.data.socket)
