"""How fast are a large mailbox and its messages read?

    .venv/bin/python -m bench.pop3 [--messages 20000]

Opening: from the connection to the answer to STAT, with the mailbox's directory in the cache. Reading: RETR one by one,
each sent after the answer to the one before, messages of 4 KB.
"""

from __future__ import annotations

import argparse
import os
import socket
import time
from typing import BinaryIO

from bench.conversation import BODY
from bench.peers.qmtwist import Qmtwist
from bench.place import Place, open_place
from bench.report import Row, median, publish

PASSWORD = "bench-password"
READ = 10_000
ROUNDS = 5


def fill(place: Place, maildir: str, count: int) -> None:
    """So many messages in new/."""
    text = BODY.replace(b"\r\n", b"\n")
    now = int(time.time())
    for number in range(count):
        path = f"{maildir}/new/{now - count + number}.{number}.bench"
        with open(path, "wb", buffering=0) as stream:
            stream.write(text)
        os.chown(path, place.uid, place.gid)


class Reader:
    """A POP3 connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream: BinaryIO = self._socket.makefile("rb")
        self.line()

    def line(self) -> bytes:
        """The next answer.

        :raises RuntimeError: it is not +OK.
        """
        line = self._stream.readline()
        if not line.startswith(b"+OK"):
            raise RuntimeError(f"answered {line!r}")
        return line

    def say(self, text: str) -> bytes:
        """A command and its answer of one line."""
        self._socket.sendall(text.encode() + b"\r\n")
        return self.line()

    def retrieve(self, number: int) -> int:
        """Read a message; its size in lines."""
        self.say(f"RETR {number}")
        count = 0
        while self._stream.readline() != b".\r\n":
            count += 1
        return count

    def close(self) -> None:
        """Say goodbye."""
        self.say("QUIT")
        self._stream.close()
        self._socket.close()


def open_mailbox(port: int, user: str) -> tuple[Reader, float]:
    """A reader logged in, and the seconds that it took."""
    started = time.perf_counter()
    reader = Reader(port)
    reader.say(f"USER {user}")
    reader.say(f"PASS {PASSWORD}")
    reader.say("STAT")
    return reader, time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000)
    options = parser.parse_args()
    with open_place() as place:
        peer = Qmtwist(place, pop3=True)
        peer.make_home()
        peer.set_password(PASSWORD)
        fill(place, peer.maildir, options.messages)
        peer.start()
        try:
            openings, rates = [], []
            for _ in range(ROUNDS):
                reader, elapsed = open_mailbox(peer.pop3_port, place.account)
                openings.append(elapsed)
                count = min(READ, options.messages)
                started = time.perf_counter()
                for number in range(1, count + 1):
                    reader.retrieve(number)
                rates.append(count / (time.perf_counter() - started))
                reader.close()
        finally:
            peer.stop()
        row: Row = {"messages": float(options.messages), "open s": median(openings), "RETR/s": median(rates)}
        publish("POP3", place.description, [row])


if __name__ == "__main__":
    main()
