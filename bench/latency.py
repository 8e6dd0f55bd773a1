"""How long does a lone message take from connect to 250?

    .venv/bin/python -m bench.latency [--messages 1000]

One message at a time, each over a connection of its own, with nothing else going on; the peers take turns.
"""

from __future__ import annotations

import argparse
import statistics
import time

from bench.conversation import send_one
from bench.end_to_end import available
from bench.load import empty, wait_for
from bench.peers import Peer
from bench.place import open_place
from bench.report import Row, publish

TURNS = 4
PAUSE_S = 0.005


def sample(peer: Peer, count: int) -> list[float]:
    """Latencies in milliseconds."""
    empty(peer.maildir)
    found = []
    for _ in range(count):
        found.append(send_one(peer.port, peer.recipient) * 1000)
        time.sleep(PAUSE_S)
    wait_for(peer.maildir, count)
    return found


def row(name: str, found: list[float]) -> Row:
    """Median and tail."""
    cuts = statistics.quantiles(found, n=100)
    return {"peer": name, "messages": float(len(found)), "p50 ms": cuts[49], "p90 ms": cuts[89], "p99 ms": cuts[98]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--peers", default="qmtwist,postfix,qmail")
    options = parser.parse_args()
    with open_place() as place:
        found: dict[str, list[float]] = {}
        peers = available(place, options.peers.split(","))
        for turn in range(TURNS + 1):
            for peer in peers:
                peer.start()
                try:
                    latencies = sample(peer, options.messages // TURNS)
                finally:
                    peer.stop()
                if turn > 0:  # the first turn warms caches
                    found.setdefault(peer.name, []).extend(latencies)
        publish("A lone message, connect to 250", place.description, [row(*entry) for entry in found.items()])


if __name__ == "__main__":
    main()
