"""How many messages a second does a `.qmail` with `|preline cat` or the like deliver?

    .venv/bin/python -m bench.preline [--messages 600] [--rounds 3] [--line '|preline cat']...

Messages of 4 KB are handed to a running server, all of them to one user whose .qmail has this one line. A round lasts
from the first hand-over until the log has the last success. Each line is measured as it is, and with a `;` at its end,
so that the shell runs it; rounds of both take turns, and the medians count. What a line sends on goes to SINK, where
it is thrown away: that is a second delivery, and the round waits for it too.
"""

from __future__ import annotations

import argparse
import os
import time

from bench.cli import MESSAGE
from bench.peers.qmtwist import Qmtwist
from bench.place import Place, open_place
from bench.report import Row, median, publish
from qmtwist.agents.submit.submission import submit
from qmtwist.mail.envelope import Envelope

TARGET = 150.0
LIMIT_S = 600
LINES = ("|preline cat", "|forward SINK", "|dot-forward .forward", "|dot-forward .absent", "|except false")
FORWARDING = ("|forward SINK", "|dot-forward .forward")
"""Those of the lines that send the message on."""


def count(log: str, needle: bytes, since: int) -> int:
    """How often a word stands in the log after so many bytes."""
    with open(log, "rb") as stream:
        stream.seek(since)
        return stream.read().count(needle)


def measure(peer: Qmtwist, messages: int, deliveries: int) -> float:
    """Messages a second, each with so many deliveries.

    :raises RuntimeError: one was refused, deferred or failed.
    """
    since = os.path.getsize(peer.log)
    envelope = Envelope(b"sender@bench.example", (peer.recipient.encode(),))
    started = time.monotonic()
    for _ in range(messages):
        result = submit(peer.home, [MESSAGE], envelope, {})
        if result.text:
            raise RuntimeError(result.text.decode())
    while count(peer.log, b": success: ", since) < messages * deliveries:
        if count(peer.log, b": deferral: ", since) or count(peer.log, b": failure: ", since):
            raise RuntimeError(f"a delivery did not succeed; see {peer.log}")
        if time.monotonic() > started + LIMIT_S:
            raise RuntimeError("it takes too long")
        time.sleep(0.02)
    return messages / (time.monotonic() - started)


def write_file(place: Place, name: str, line: str) -> None:
    """A file of one line in the user's home."""
    path = f"{place.user_home}/{name}"
    with open(path + "#", "w", encoding="utf-8") as stream:
        stream.write(line + "\n")
    os.chown(path + "#", place.uid, place.gid)
    os.rename(path + "#", path)


def compare(peer: Qmtwist, line: str, messages: int, rounds: int) -> Row:
    """One line both ways."""
    sink = f"{peer.place.account}-sink@bench.example"
    write_file(peer.place, ".qmail-sink", "# nothing")
    write_file(peer.place, ".forward", sink)
    deliveries = 2 if line in FORWARDING else 1
    rates: dict[str, list[float]] = {"": [], " ;": []}
    for number in range(rounds + 1):
        for end, measured in rates.items():
            write_file(peer.place, ".qmail", line.replace("SINK", sink) + end)
            rate = measure(peer, messages if number else messages // 10, deliveries)
            measured += [rate] if number else []  # the first is for warming up
    inside, shell = rates.values()
    return {
        "line": f"`{line.replace('|', chr(92) + '|')}`",
        "messages/s": median(inside),
        "lowest": min(inside),
        "highest": max(inside),
        "by the shell": median(shell),
        "times": median(inside) / median(shell),
        "target": TARGET,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--line", action="append", help=f"instead of {', '.join(LINES)}")
    options = parser.parse_args()
    with open_place(1 << 30) as place:
        peer = Qmtwist(place)
        peer.make_home()
        peer.start()
        try:
            rows = [compare(peer, line, options.messages, options.rounds) for line in options.line or LINES]
        finally:
            peer.stop()
        publish("A program for every message", place.description, rows)


if __name__ == "__main__":
    main()
