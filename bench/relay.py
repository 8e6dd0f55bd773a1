"""How many messages a second go from SMTP through a durable queue out to another host?

    .venv/bin/python -m bench.relay [--rounds 5] [--peers qmtwist,postfix,qmail] [--quick]

Postfix's smtp-source sends messages of 4 KB down 20 connections, smtp-sink takes what is sent on; a run lasts from the
start of the one until the other has got everything. Both servers may use the same number of sessions to the
destination. They take turns; the median of the rounds counts. CPU is that of the server's processes, without the two
generators.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import NamedTuple

from bench.load import Load, send, settle
from bench.peers import Outlet, Relay, postfix, qmail, qmtwist
from bench.place import Place, open_place
from bench.report import Row, median, publish
from bench.sink import Sink
from tests.support.processes import cpu_ms

RECIPIENT = "user@far.example"
INJECTORS, MESSAGES = 20, 5000
SESSIONS = (20, 100)
TARGET, CPU_TARGET = 1.8, 0.6


class Result(NamedTuple):
    """One run: rates in messages a second, own CPU in milliseconds a message."""

    out: float
    accepted: float
    cpu_ms: float


def available(place: Place, asked: list[str]) -> list[Relay]:
    """The peers that this machine can run, in the order of the turns."""
    peers: list[Relay] = []
    if "qmtwist" in asked:
        peers.append(qmtwist.Qmtwist(place))
    if "postfix" in asked and postfix.is_available(place):
        peers.append(postfix.Postfix(place))
    if "qmail" in asked and qmail.is_available(place):
        peers.append(qmail.Qmail(place))
    return peers


def check_count(sink: Sink, expected: int) -> None:
    """Everything came once.

    :raises RuntimeError: more came than was sent.
    """
    if (came := sink.counters().messages) != expected:
        raise RuntimeError(f"the destination got {came} messages instead of {expected}")


def measure(peer: Relay, sink: Sink, load: Load) -> Result:
    """One run, from the first connection in to the last message out."""
    settle(peer)
    expected = sink.counters().messages + load.messages
    cpu = cpu_ms(peer.pid)
    started = time.time()
    send(peer, load, RECIPIENT)
    accepted = time.time()
    ended = sink.wait_for(expected)
    settle(peer)
    check_count(sink, expected)
    spent = cpu_ms(peer.pid) - cpu
    return Result(load.messages / (ended - started), load.messages / (accepted - started), spent / load.messages)


def play(peers: list[Relay], load: Load, rounds: int) -> dict[tuple[int, str], list[Result]]:
    """All runs, peers taking turns; only the one that is measured runs."""
    results: dict[tuple[int, str], list[Result]] = {}
    sink = Sink().start()
    try:
        for turn in range(1 if load.messages < MESSAGES else 0, rounds + 1):
            for sessions in SESSIONS:
                for peer in peers:
                    peer.relay(Outlet(sink.port, sessions))
                    peer.start()
                    try:
                        result = measure(peer, sink, load)
                    finally:
                        peer.stop()
                    print(f"# {turn} {peer.name}, {sessions} sessions: {result.out:.0f}/s", file=sys.stderr)
                    if turn > 0:  # the first turn warms caches and makes files
                        results.setdefault((sessions, peer.name), []).append(result)
    finally:
        sink.stop()
    return results


def rows(results: dict[tuple[int, str], list[Result]]) -> list[Row]:
    """The medians, with the ratios to Postfix and to qmail at the same number of sessions."""
    found: list[Row] = []
    for (sessions, name), runs in sorted(results.items(), key=lambda entry: entry[0][0]):
        reference, classic = results.get((sessions, "postfix")), results.get((sessions, "qmail"))
        rate, cpu = median(run.out for run in runs), median(run.cpu_ms for run in runs)
        nothing = float("nan")
        found.append(
            {
                "sessions": str(sessions),
                "peer": name,
                "messages/s out": rate,
                "lowest": min(run.out for run in runs),
                "highest": max(run.out for run in runs),
                "accepted/s": median(run.accepted for run in runs),
                "own CPU ms/message": cpu,
                "times Postfix": rate / median(run.out for run in reference) if reference else nothing,
                "at least": TARGET if name == "qmtwist" else "",
                "CPU of Postfix's": cpu / median(run.cpu_ms for run in reference) if reference else nothing,
                "at most": CPU_TARGET if name == "qmtwist" else "",
                "times qmail": rate / median(run.out for run in classic) if classic else nothing,
            }
        )
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", default="qmtwist,postfix,qmail")
    parser.add_argument("--quick", action="store_true", help="a tenth of the messages, for trying the program out")
    options = parser.parse_args()
    load = Load(INJECTORS, MESSAGES // 10 if options.quick else MESSAGES)
    with open_place() as place:
        results = play(available(place, options.peers.split(",")), load, options.rounds)
        publish("SMTP in, queue, SMTP out", place.description, rows(results))


if __name__ == "__main__":
    main()
