"""How many messages a second go from SMTP through a durable queue into a durable Maildir?

    .venv/bin/python -m bench.end_to_end [--rounds 5] [--peers qmtwist,postfix,qmail] [--quick]

Postfix's smtp-source sends messages of 4 KB; a run lasts from its start until the last file is in new/. The peers take
turns, so that a slow minute of the machine hits all of them; the median of the rounds counts. CPU is that of the
server's processes, without the load generator.
"""

from __future__ import annotations

import argparse
import sys

from bench.load import Load, Result, measure
from bench.peers import Peer, postfix, qmail, qmtwist
from bench.place import Place, open_place
from bench.report import Row, median, publish

LOADS = (Load(50, 4000), Load(10, 4000), Load(1, 1000), Load(10, 3000, is_kept=False))
TARGETS = {"50 sessions": 3.0, "10 sessions": 2.0, "1 sessions": 1.0, "10 sessions, one message each": 1.6}


def available(place: Place, asked: list[str]) -> list[Peer]:
    """The peers that this machine can run, in the order of the turns."""
    peers: list[Peer] = []
    if "qmtwist" in asked:
        peers.append(qmtwist.Qmtwist(place))
    if "postfix" in asked and postfix.is_available(place):
        peers.append(postfix.Postfix(place))
    if "qmail" in asked and qmail.is_available(place):
        peers.append(qmail.Qmail(place))
    return peers


def play(peers: list[Peer], loads: list[Load], rounds: int) -> dict[tuple[str, Load], list[Result]]:
    """All runs, peers taking turns; only the one that is measured runs."""
    results: dict[tuple[str, Load], list[Result]] = {}
    for turn in range(rounds + 1):
        for peer in peers:
            peer.start()
            try:
                for load in loads:
                    result = measure(peer, load)
                    if turn > 0:  # the first turn warms caches and makes files
                        results.setdefault((peer.name, load), []).append(result)
                        print(f"# {turn} {peer.name}, {load.title}: {result.end_to_end:.0f}/s", file=sys.stderr)
            finally:
                peer.stop()
    return results


def rows(results: dict[tuple[str, Load], list[Result]]) -> list[Row]:
    """The medians, with the ratios to Postfix and to qmail in the same load."""
    found: list[Row] = []
    for (name, load), runs in sorted(
        results.items(), key=lambda entry: (-entry[0][1].sessions, not entry[0][1].is_kept)
    ):
        rate = median(run.end_to_end for run in runs)
        found.append(
            {
                "load": load.title,
                "peer": name,
                "messages/s end to end": rate,
                "lowest": min(run.end_to_end for run in runs),
                "highest": max(run.end_to_end for run in runs),
                "accepted/s": median(run.accepted for run in runs),
                "own CPU ms/message": median(run.cpu_ms for run in runs),
                "times Postfix": rate / rate_of(results, "postfix", load),
                "times qmail": rate / rate_of(results, "qmail", load),
                "target": TARGETS[load.title] if name == "qmtwist" else "",
            }
        )
    return found


def rate_of(results: dict[tuple[str, Load], list[Result]], peer: str, load: Load) -> float:
    """A peer's messages a second; not a number if it did not run."""
    runs = results.get((peer, load))
    return median(run.end_to_end for run in runs) if runs else float("nan")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", default="qmtwist,postfix,qmail")
    parser.add_argument("--quick", action="store_true", help="a tenth of the messages, for trying the program out")
    options = parser.parse_args()
    loads = [load._replace(messages=load.messages // 10) for load in LOADS] if options.quick else list(LOADS)
    with open_place() as place:
        peers = available(place, options.peers.split(","))
        results = play(peers, loads, options.rounds)
        publish("SMTP in, queue, Maildir, everything durable", place.description, rows(results))


if __name__ == "__main__":
    main()
