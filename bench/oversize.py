"""What does a client achieve that sends far more than databytes allows?

    .venv/bin/python -m bench.oversize [--megabytes 1024]

The limit is 10 MB; the message must be answered 552 at its end, and neither memory nor the queue may grow with it.
"""

from __future__ import annotations

import argparse
import threading
import time

from bench.conversation import Conversation
from bench.peers.qmtwist import Qmtwist
from bench.place import open_place
from bench.report import Row, publish
from tests.support.processes import proportional_kb

LIMIT_BYTES = 10_000_000
CHUNK = (b"x" * 76 + b"\r\n") * (1 << 13)


class Watch(threading.Thread):
    """The highest PSS of a process tree, in kB, until it is told to end."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak_kb = 0
        self._pid = pid
        self._is_over = threading.Event()

    def run(self) -> None:
        """Look ten times a second."""
        while not self._is_over.wait(0.1):
            self.peak_kb = max(self.peak_kb, proportional_kb(self._pid))

    def end(self) -> int:
        """The highest that was seen."""
        self._is_over.set()
        self.join()
        return self.peak_kb


def send(peer: Qmtwist, size: int) -> bytes:
    """Send a message of about `size` bytes; the answer to it."""
    conversation = Conversation(peer.port, timeout_s=600)
    conversation.open(peer.recipient)
    for _ in range(size // len(CHUNK) + 1):
        conversation.socket.sendall(CHUNK)
    reply = conversation.say(b".\r\n", b"552")
    conversation.close()
    return reply


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=1024)
    options = parser.parse_args()
    with open_place() as place:
        peer = Qmtwist(place, {"databytes": str(LIMIT_BYTES)})
        peer.start()
        try:
            send(peer, 2 * LIMIT_BYTES)  # warm
            before = proportional_kb(peer.pid)
            watch = Watch(peer.pid)
            watch.start()
            started = time.monotonic()
            reply = send(peer, options.megabytes << 20)
            elapsed = time.monotonic() - started
            peak = watch.end()
        finally:
            peer.stop()
        row: Row = {
            "sent MB": float(options.megabytes),
            "answer": reply.decode("latin-1").strip(),
            "seconds": elapsed,
            "PSS before MB": before / 1024,
            "PSS highest MB": peak / 1024,
        }
        publish("A message above databytes", place.description, [row])


if __name__ == "__main__":
    main()
