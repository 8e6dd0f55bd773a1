"""Do dead and dead slow destinations hold up the others?

    .venv/bin/python -m bench.black_holes [--rounds 5] [--holes 200] [--quick]

Black holes: twenty messages to 1,000 destinations, each with an address of its own; 200 of them (or `--holes`) are
hosts to which every connection attempt times out (a listener whose accept queue is full). How long do the others take,
from the client's first command until the last of their messages is out, beside the same messages to them alone?

Tarpit: 10,000 messages wait for a host that takes connections and says nothing. How long do 100 messages for another
host take then, and alone?

All with qmail's limits: 20 remote deliveries, 60 s for a connection. Every run has a fresh queue and no memory of dead
hosts. One warming turn (not with --quick); medians of the rest.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from bench.conversation import allow_many_descriptors
from bench.load import Load, send, settle
from bench.many_recipients import inject
from bench.peers import Outlet
from bench.peers.qmtwist import Qmtwist
from bench.place import open_place
from bench.report import Row, median, publish
from bench.sink import Sink

SESSIONS = 20
TARGET = 1.3
TARPIT = "127.67.0.1"


class Scale(NamedTuple):
    """How many destinations, how many of them black holes, messages to them all; messages for a tarpit, and others."""

    destinations: int = 1000
    holes: int = 200
    messages: int = 20
    stuck: int = 10_000
    others: int = 100

    @property
    def good(self) -> int:
        """Destinations that answer."""
        return self.destinations - self.holes


QUICK = Scale(100, 20, 2, 500, 20)


def good_address(number: int) -> str:
    """Where a good destination listens."""
    return f"127.65.{number >> 8}.{number & 255}"


def hole_address(number: int) -> str:
    """Where a black hole is."""
    return f"127.66.{number >> 8}.{number & 255}"


@contextlib.contextmanager
def black_holes(count: int, port: int) -> Iterator[None]:
    """Listeners whose accept queues are full: connections to them time out."""
    with contextlib.ExitStack() as stack:
        for number in range(count):
            listener = stack.enter_context(socket.socket())
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((hole_address(number), port))
            listener.listen(0)
            for _ in range(3):
                client = stack.enter_context(socket.socket())
                client.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    client.connect((hole_address(number), port))
        yield


@contextlib.contextmanager
def tarpit(port: int) -> Iterator[None]:
    """A listener that lets everybody connect and never says a word."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((TARPIT, port))
        listener.listen(4096)
        yield


def routes(port: int, scale: Scale) -> str:
    """smtproutes for all destinations."""
    good = [f"good{number}.example:[{good_address(number)}]:{port}" for number in range(scale.good)]
    return "\n".join([*good, *(f"hole{n}.example:[{hole_address(n)}]:{port}" for n in range(scale.holes))])


@contextlib.contextmanager
def running(peer: Qmtwist, sink: Sink, smtproutes: str) -> Iterator[None]:
    """The server with a fresh queue."""
    peer.relay(Outlet(sink.port, SESSIONS))
    peer.control["smtproutes"] = smtproutes
    peer.forget()
    peer.start()
    try:
        settle(peer)
        yield
    finally:
        peer.stop()


def spread(peer: Qmtwist, sink: Sink, scale: Scale, with_holes: bool) -> float:
    """Seconds until the good destinations have everything."""
    names = [f"user@good{number}.example" for number in range(scale.good)]
    names += [f"user@hole{number}.example" for number in range(scale.holes if with_holes else 0)]
    random.Random(1).shuffle(names)
    with running(peer, sink, routes(sink.port, scale)):
        expected = sink.counters().messages + scale.messages * scale.good
        started = time.time()
        for _ in range(scale.messages):
            inject(peer.port, names)
        return sink.wait_for(expected) - started


def behind(peer: Qmtwist, sink: Sink, scale: Scale, with_tarpit: bool) -> float:
    """Seconds until the others are out."""
    smtproutes = f"tarpit.example:[{TARPIT}]:{sink.port}\n:[127.0.0.1]:{sink.port}"
    with running(peer, sink, smtproutes), tarpit(sink.port):  # the pit ends first: a stop would wait for it
        if with_tarpit:
            send(peer, Load(20, scale.stuck), "user@tarpit.example")
        expected = sink.counters().messages + scale.others
        started = time.time()
        send(peer, Load(10, scale.others), "user@far.example")
        return sink.wait_for(expected) - started


Case = tuple[str, Callable[[Qmtwist, Sink, Scale, bool], float]]
CASES: Sequence[Case] = (
    ("{0.destinations:,} destinations, {0.holes} of them black holes", spread),
    ("{0.others} messages behind {0.stuck:,} for a tarpit", behind),
)


def play(peer: Qmtwist, sink: Sink, scale: Scale, rounds: int, cases: Sequence[Case]) -> list[Row]:
    """All runs, the two sides of each comparison taking turns."""
    found: list[Row] = []
    for form, run in cases:
        title = form.format(scale)
        seconds: dict[bool, list[float]] = {False: [], True: []}
        for turn in range(1 if scale.messages < Scale().messages else 0, rounds + 1):
            for is_troubled in (False, True):
                taken = run(peer, sink, scale, is_troubled)
                print(f"# {turn} {title}, {'with' if is_troubled else 'alone'}: {taken:.2f} s", file=sys.stderr)
                if turn > 0:  # the first turn warms caches
                    seconds[is_troubled].append(taken)
        alone, troubled = median(seconds[False]), median(seconds[True])
        found.append(
            {
                "case": title,
                "alone s": alone,
                "with them s": troubled,
                "slowest s": max(seconds[True]),
                "times": troubled / alone,
                "at most": str(TARGET) if run is spread and scale.holes <= Scale().holes else "",
            }
        )
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--holes", type=int, help="black holes among the destinations; without the tarpit")
    parser.add_argument("--quick", action="store_true", help="a tenth of the destinations, for trying the program out")
    options = parser.parse_args()
    scale = QUICK if options.quick else Scale()
    if options.holes is not None:
        scale = scale._replace(holes=options.holes)
    allow_many_descriptors()
    with open_place() as place:
        sink = Sink(0, ("127.0.0.1", *map(good_address, range(scale.good)))).start()
        try:
            with black_holes(scale.holes, sink.port):
                cases = CASES if options.holes is None else CASES[:1]
                rows = play(Qmtwist(place), sink, scale, options.rounds, cases)
        finally:
            sink.stop()
        publish("Destinations that do not answer", place.description, rows)


if __name__ == "__main__":
    main()
