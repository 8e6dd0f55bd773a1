"""How fast does mail leave for a host that was down and is back?

    .venv/bin/python -m bench.comeback [--messages 20000] [--rounds 3] [--quick]

Messages of 4 KB come in while their destination refuses connections; each is tried and deferred. Then the destination
(smtp-sink) is back, and ALRM makes all of them due: how many a second leave, beside the rate of fresh mail that goes
straight through? Memory is the highest proportional set size of all processes while they leave. 20 remote deliveries at
once; the two take turns; medians.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from typing import NamedTuple

from bench.load import Load, send, settle
from bench.peers import Outlet
from bench.peers.qmtwist import Qmtwist
from bench.place import open_place
from bench.relay import RECIPIENT, check_count, measure
from bench.report import Row, median, publish
from bench.sink import Sink
from tests.support.processes import proportional_kb

SESSIONS, INJECTORS, FRESH = 20, 20, 5000
MEMORY_MB = 200
DEFERRAL_LIMIT_S = 600.0
LOOK_S = 0.25


class Result(NamedTuple):
    """One comeback: messages a second, and memory at rest with all of them deferred and highest while they leave."""

    rate: float
    rest_mb: float
    peak_mb: float


class Watch(threading.Thread):
    """Looks at the memory of a server every now and then."""

    def __init__(self, peer: Qmtwist) -> None:
        super().__init__(daemon=True)
        self.peak_kb = 0
        self._peer, self._ended = peer, threading.Event()

    def run(self) -> None:
        """Until `finish`, and once more then."""
        is_ended = False
        while not is_ended:
            is_ended = self._ended.wait(LOOK_S)
            self.peak_kb = max(self.peak_kb, proportional_kb(self._peer.pid))

    def finish(self) -> float:
        """The highest, in MB."""
        self._ended.set()
        self.join()
        return self.peak_kb / 1024


def deferrals(log: str) -> int:
    """How many deliveries the log calls deferred."""
    with open(log, "rb") as stream:
        return sum(b": deferral: " in line for line in stream)


def at_rest(queue: str) -> int:
    """How many messages are in queue files."""
    return sum(len(os.listdir(f"{queue}/info/{part}")) for part in os.listdir(f"{queue}/info"))


def defer(peer: Qmtwist, count: int) -> None:
    """Send messages whose destination is down, and wait until each has been tried and put to rest.

    :raises TimeoutError: they were not.
    """
    before, queue = deferrals(peer.log), f"{peer.home}/queue"
    send(peer, Load(INJECTORS, count), RECIPIENT)
    deadline = time.monotonic() + DEFERRAL_LIMIT_S
    while (tried := deferrals(peer.log) - before) < count or at_rest(queue) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{tried} of {count} messages were tried, {at_rest(queue)} are at rest")
        time.sleep(0.5)
    settle(peer, 60.0)


def come_back(peer: Qmtwist, sink: Sink, count: int) -> Result:
    """Defer so many messages, let the host come back, and time how they leave."""
    sink.stop()
    defer(peer, count)
    rest_mb = proportional_kb(peer.pid) / 1024
    sink.start()
    watch = Watch(peer)
    watch.start()
    started = time.time()
    os.kill(peer.pid, signal.SIGALRM)
    ended = sink.wait_for(count)
    peak_mb = watch.finish()
    settle(peer)
    check_count(sink, count)
    return Result(count / (ended - started), rest_mb, peak_mb)


def play(peer: Qmtwist, sink: Sink, count: int, rounds: int) -> tuple[list[float], list[Result]]:
    """Rates of fresh mail, and the comebacks."""
    fresh, back = [], []
    for turn in range(rounds):
        peer.start()
        try:
            fresh.append(measure(peer, sink, Load(INJECTORS, min(count, FRESH))).out)
            back.append(come_back(peer, sink, count))
        finally:
            peer.stop()
        print(f"# {turn + 1} fresh {fresh[-1]:.0f}/s, {back[-1]}", file=sys.stderr)
    return fresh, back


def row(count: int, fresh: list[float], back: list[Result]) -> Row:
    """The table's only row."""
    rate, reference = median(result.rate for result in back), median(fresh)
    return {
        "messages": float(count),
        "fresh mail/s": reference,
        "after ALRM/s": rate,
        "lowest": min(result.rate for result in back),
        "times fresh": rate / reference,
        "PSS MB, all deferred": max(result.rest_mb for result in back),
        "PSS MB, highest": max(result.peak_mb for result in back),
        "at most": float(MEMORY_MB),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a fiftieth of the messages, for trying the program out")
    options = parser.parse_args()
    count = options.messages // 50 if options.quick else options.messages
    with open_place() as place:
        peer, sink = Qmtwist(place), Sink().start()
        peer.relay(Outlet(sink.port, SESSIONS))
        try:
            rows = [row(count, *play(peer, sink, count, options.rounds))]
        finally:
            sink.stop()
        publish("A host that comes back", place.description, rows)


if __name__ == "__main__":
    main()
