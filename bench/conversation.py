"""A small SMTP client of our own, for what smtp-source does not measure."""

from __future__ import annotations

import resource
import socket
import time

BODY = b"Subject: bench\r\n\r\n" + (b"0123456789" * 7 + b"\r\n") * 56  # about 4 KB


class Conversation:
    """One connection; every call waits for the answer."""

    def __init__(self, port: int, timeout_s: float = 60.0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self.socket.makefile("rb")

    def answer(self) -> bytes:
        """The last line of the next reply."""
        while True:
            line = self._stream.readline()
            if line[3:4] != b"-":
                return line

    def say(self, data: bytes, expected: bytes) -> bytes:
        """Send something and read the reply to it.

        :raises RuntimeError: it is another one than expected.
        """
        self.socket.sendall(data)
        reply = self.answer()
        if not reply.startswith(expected):
            raise RuntimeError(f"{data[:60]!r} was answered {reply!r}")
        return reply

    def open(self, recipient: str) -> None:
        """From the greeting to the 354."""
        greeting = self.answer()
        if not greeting.startswith(b"220"):
            raise RuntimeError(f"greeted with {greeting!r}")
        self.say(b"EHLO client.example\r\n", b"250")
        self.say(b"MAIL FROM:<sender@sender.example>\r\n", b"250")
        self.say(b"RCPT TO:<%s>\r\n" % recipient.encode(), b"250")
        self.say(b"DATA\r\n", b"354")

    def close(self) -> None:
        """Hang up."""
        self._stream.close()
        self.socket.close()


def send_one(port: int, recipient: str) -> float:
    """Send one message over a connection of its own; seconds from connect to the 250 for it."""
    started = time.perf_counter()
    conversation = Conversation(port)
    conversation.open(recipient)
    conversation.say(BODY + b".\r\n", b"250")
    elapsed = time.perf_counter() - started
    conversation.say(b"QUIT\r\n", b"221")
    conversation.close()
    return elapsed


def allow_many_descriptors() -> None:
    """Raise our own limit of open files as far as we may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
