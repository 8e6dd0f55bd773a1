"""How many messages a second does a `.qmail` with `|preline cat` deliver?

    .venv/bin/python -m bench.preline [--messages 1500] [--line '|preline cat']

Messages of 4 KB are handed to a running server, and all of them to one user whose .qmail has this one line. A round
lasts from the first hand-over until the log has the last success; three rounds, the median counts.
"""

from __future__ import annotations

import argparse
import os
import time

from bench.cli import MESSAGE
from bench.peers.qmtwist import Qmtwist
from bench.place import Place, open_place
from bench.report import Row, median, publish
from qmtwist.agents.submit import submit
from qmtwist.mail.envelope import Envelope

TARGET = 150.0
ROUNDS = 3
LIMIT_S = 600


def count(log: str, needle: bytes, since: int) -> int:
    """How often a word stands in the log after so many bytes."""
    with open(log, "rb") as stream:
        stream.seek(since)
        return stream.read().count(needle)


def measure(peer: Qmtwist, messages: int) -> float:
    """Messages a second.

    :raises RuntimeError: one was refused, deferred or failed.
    """
    since = os.path.getsize(peer.log)
    envelope = Envelope(b"sender@bench.example", (peer.recipient.encode(),))
    started = time.monotonic()
    for _ in range(messages):
        result = submit(peer.home, [MESSAGE], envelope, {})
        if result.text:
            raise RuntimeError(result.text.decode())
    while count(peer.log, b": success: ", since) < messages:
        if count(peer.log, b": deferral: ", since) or count(peer.log, b": failure: ", since):
            raise RuntimeError(f"a delivery did not succeed; see {peer.log}")
        if time.monotonic() > started + LIMIT_S:
            raise RuntimeError("it takes too long")
        time.sleep(0.02)
    return messages / (time.monotonic() - started)


def write_instructions(place: Place, line: str) -> None:
    """The user's .qmail."""
    path = f"{place.user_home}/.qmail"
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(line + "\n")
    os.chown(path, place.uid, place.gid)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1500)
    parser.add_argument("--line", default="|preline cat")
    options = parser.parse_args()
    with open_place(1 << 30) as place:
        peer = Qmtwist(place)
        peer.make_home()
        line = options.line.replace("|preline", f"|{peer.home}/bin/preline")
        write_instructions(place, line)
        peer.start()
        try:
            measure(peer, options.messages // 10)
            rates = [measure(peer, options.messages) for _ in range(ROUNDS)]
        finally:
            peer.stop()
        row: Row = {
            "line": f"`{options.line.replace('|', chr(92) + '|')}`",
            "messages/s": median(rates),
            "lowest": min(rates),
            "highest": max(rates),
            "target": TARGET,
        }
        publish("A program for every message", place.description, [row])


if __name__ == "__main__":
    main()
