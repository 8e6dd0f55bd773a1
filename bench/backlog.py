"""What does a queue of 100,000 deferred messages cost?

    .venv/bin/python -m bench.backlog [--messages 100000]

The messages are written as qmail leaves them: one remote recipient each, tried an hour ago, due again tomorrow.
Measured are the time from the command to the greeting, memory, how long qmail-qread takes to list them and qmail-qstat
to count them, and new local mail behind them, beside the same on an empty queue.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from typing import NamedTuple

from bench.load import Load, Result, empty, measure, settle
from bench.peers.qmtwist import Qmtwist
from bench.place import open_place
from bench.report import Row, median, publish
from tests.support.processes import proportional_kb

FIRST, SPLIT = 1_000_000, 23
HOUR_S, DAY_S = 3600, 86400
LOADS = (Load(10, 3000), Load(50, 3000))
TEXT = (
    b"Received: (qmail 1 invoked from network); 1 Jan 2026 00:00:00 -0000\nSubject: deferred\n\n" + b"x" * 900 + b"\n"
)


class Kind(NamedTuple):
    """One of the files of a message."""

    directory: str
    mode: int
    content: bytes
    age_s: int  # of its modification time; negative: in the future


KINDS = (
    Kind("mess", 0o644, TEXT, HOUR_S),
    Kind("info", 0o600, b"Fsender@sender.example\0", HOUR_S),
    Kind("remote", 0o600, b"Tsomebody@far.example\0", -DAY_S),
)


def fill(queue: str, count: int) -> None:
    """Write so many deferred messages; each file belongs to the owner of its directory."""
    now = time.time()
    for kind in KINDS:
        owner = os.stat(f"{queue}/{kind.directory}/0")
        for number in range(FIRST, FIRST + count):
            path = f"{queue}/{kind.directory}/{number % SPLIT}/{number}"
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, kind.mode)
            os.write(descriptor, kind.content)
            os.fchmod(descriptor, kind.mode)
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
            os.utime(descriptor, (now, now - kind.age_s))
            os.close(descriptor)
        print(f"# {count} files in {kind.directory}/", file=sys.stderr)
    os.sync()


def drop_caches() -> None:
    """As after a reboot, if we may."""
    if os.geteuid() == 0:
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as stream:
            stream.write("3\n")


def seconds(peer: Qmtwist, program: str) -> float:
    """How long one of the server's programs takes."""
    started = time.monotonic()
    subprocess.run([f"{peer.home}/bin/{program}"], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started


def look(peer: Qmtwist, queue: str, rounds: int) -> list[Row]:
    """Start, weigh and load the server."""
    drop_caches()
    peer.start()
    try:
        settle(peer, 60.0)
        memory = proportional_kb(peer.pid) / 1024
        listed_s, counted_s = seconds(peer, "qmail-qread"), seconds(peer, "qmail-qstat")
        runs: dict[Load, list[Result]] = {}
        for _ in range(rounds):
            for load in LOADS:
                runs.setdefault(load, []).append(measure(peer, load))
        empty(peer.maildir)
    finally:
        peer.stop()
    return [
        {
            "queue": queue,
            "start s": peer.start_s,
            "PSS MB": memory,
            "qread s": listed_s,
            "qstat s": counted_s,
            "load": load.title,
            "messages/s end to end": median(run.end_to_end for run in results),
            "accepted/s": median(run.accepted for run in results),
        }
        for load, results in runs.items()
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with open_place() as place:
        peer = Qmtwist(place)
        rows = look(peer, "empty", options.rounds)
        fill(f"{peer.home}/queue", options.messages)
        rows += look(peer, f"{options.messages:,} deferred", options.rounds)
        publish("A queue full of deferred mail", place.description, rows)


if __name__ == "__main__":
    main()
