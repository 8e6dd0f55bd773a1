"""Senders that remember what was acknowledged: the only promise that a mail server makes."""

from __future__ import annotations

import contextlib
import os
import random
import re
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable

MARK = re.compile(rb"^X-Ledger: (\S+)$", re.M)
SIZES = (300, 4_000, 4_000, 60_000, 300_000)  # the last is above what a journal takes: straight into queue files


class Ledger:
    """Every acknowledged message, as soon as its 250 was read, with a position of the caller's choice; kept on disk."""

    def __init__(self, path: str, position: Callable[[], int] = lambda: 0) -> None:
        self._file = open(path, "a", encoding="ascii")
        self._lock = threading.Lock()
        self._position = position
        self.acknowledged: dict[str, int] = {}

    def enter(self, identity: str) -> None:
        """The server has said 250."""
        position = self._position()
        with self._lock:
            self.acknowledged[identity] = position
            self._file.write(f"{identity} {position}\n")
            self._file.flush()

    def close(self) -> None:
        """No sender uses it any more."""
        self._file.close()


class Sender(threading.Thread):
    """Sends messages one after the other, over one connection or several, until told to stop."""

    def __init__(self, name: str, port: int, recipients: tuple[str, ...], ledger: Ledger, pause_s: float = 0.0) -> None:
        super().__init__(name=name, daemon=True)
        self._port = port
        self._recipients = recipients
        self._ledger = ledger
        self._pause_s = pause_s
        self._is_over = threading.Event()
        self._random = random.Random(name)
        self._count = 0

    def end(self) -> None:
        """Stop after the message that is being sent."""
        self._is_over.set()

    def run(self) -> None:
        """Connect, send a few, connect again; a refused connection means that the server is away."""
        while not self._is_over.is_set():
            with contextlib.suppress(OSError, smtplib.SMTPException):
                with smtplib.SMTP("127.0.0.1", self._port, local_hostname="localhost", timeout=20) as client:
                    for _ in range(self._random.randint(1, 20)):
                        if self._is_over.is_set():
                            break
                        self._send(client)
                continue
            time.sleep(0.02)

    def _send(self, client: smtplib.SMTP) -> None:
        self._count += 1
        identity = f"{self.name}.{os.getpid()}.{self._count}"
        recipient = self._random.choice(self._recipients)
        client.sendmail("ledger@sender.example", [recipient], message(identity, self._random.choice(SIZES)))
        self._ledger.enter(identity)  # sendmail returned: the 250 to the final dot was read
        time.sleep(self._pause_s)


def message(identity: str, size: int) -> bytes:
    """A message of about `size` bytes that carries its name twice, so that one cut short is noticed."""
    head = f"X-Ledger: {identity}\r\nSubject: torture\r\n\r\n".encode()
    line = b"0123456789" * 7 + b"\r\n"
    return head + line * (size // len(line)) + f"end of {identity}\r\n".encode()


def identities(messages: Iterable[bytes]) -> Counter[str]:
    """Which messages these are, and how often each is there; one cut short or with a double end is a failure.

    :raises AssertionError: a message is not whole.
    """
    found: Counter[str] = Counter()
    for raw in messages:
        text = raw.replace(b"\r\n", b"\n")
        mark = MARK.search(text)
        if mark is None:
            continue  # not one of ours: a bounce, perhaps
        identity = mark.group(1).decode()
        assert text.endswith(f"\nend of {identity}\n".encode()), f"{identity} was cut short"
        found[identity] += 1
    return found


def queued(home: str) -> list[bytes]:
    """Every message in the queue directory of a stopped server.

    A file in mess/ alone is not queued: somebody was killed while it was written, and nothing was acknowledged.
    """
    found = []
    for directory, _, names in os.walk(f"{home}/queue/mess"):
        for name in names:
            info = f"{home}/queue/info/{os.path.basename(directory)}/{name}"
            if os.path.exists(info) or os.path.exists(f"{home}/queue/todo/{name}"):
                with open(f"{directory}/{name}", "rb") as stream:
                    found.append(stream.read())
    return found
