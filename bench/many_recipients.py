"""How fast does one message reach 5,000 recipients at one destination?

    .venv/bin/python -m bench.many_recipients [--rounds 5] [--peers qmtwist,postfix] [--quick]

With the grouping that each server has by default, and with one recipient per transaction; to smtp-sink, and to a
destination whose answers leave 50 ms late (the last case with a fifth of the recipients). 20 sessions at once. The rate
counts from the first command of the client, which names all recipients in pipelined commands, until the destination has
taken the last one; the second rate, from the server's 250 for the message. The peers take turns; medians.

First every peer sends one such message to a destination that counts recipients: each must come exactly once.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from typing import NamedTuple

from bench.conversation import BODY, Conversation
from bench.load import settle
from bench.peers import Outlet, Relay
from bench.place import open_place
from bench.relay import available, check_count
from bench.report import Row, median, publish
from bench.sink import Counters, Sink
from tests.support.processes import cpu_ms

RECIPIENTS, SESSIONS, GROUPING = 5000, 20, 50
DELAY_MS = 50.0
AT_ONCE = 500  # RCPTs in one write


class Case(NamedTuple):
    """Recipients per transaction, how late the destination's answers are, and the share of the recipients."""

    grouping: int
    delay_ms: float | None
    share: float = 1.0

    @property
    def title(self) -> str:
        """For the table."""
        late = f", answers {self.delay_ms:.0f} ms late" if self.delay_ms else ""
        return ("default grouping" if self.grouping == GROUPING else "one per transaction") + late


class Result(NamedTuple):
    """One run: recipients a second since the client began, and since the message was accepted; own CPU."""

    rate: float
    accepted: float
    cpu_ms: float


CASES = (Case(GROUPING, None), Case(1, None), Case(GROUPING, DELAY_MS), Case(1, DELAY_MS, 0.2))
# qmail makes about 880 recipients a second, one per connection.
TARGETS: dict[Case, str] = {CASES[0]: "1 x Postfix", CASES[1]: "2,640/s"}


def inject(port: int, addresses: list[str]) -> None:
    """Send one message of 4 KB to all of these.

    :raises RuntimeError: a recipient was refused.
    """
    conversation = Conversation(port, 300.0)
    try:
        conversation.answer()
        conversation.say(b"EHLO client.example\r\n", b"250")
        conversation.say(b"MAIL FROM:<sender@sender.example>\r\n", b"250")
        for start in range(0, len(addresses), AT_ONCE):
            some = addresses[start : start + AT_ONCE]
            conversation.socket.sendall("".join(f"RCPT TO:<{address}>\r\n" for address in some).encode())
            for address in some:
                if not (reply := conversation.answer()).startswith(b"250"):
                    raise RuntimeError(f"{address} was answered {reply!r}")
        conversation.say(b"DATA\r\n", b"354")
        conversation.say(BODY + b".\r\n", b"250")
        conversation.socket.sendall(b"QUIT\r\n")
    finally:
        conversation.close()


def names(count: int) -> list[str]:
    """So many addresses at one host."""
    return [f"user{number}@far.example" for number in range(count)]


def measure(peer: Relay, sink: Sink, case: Case, count: int) -> Result:
    """One message to everybody."""
    settle(peer)
    expected = sink.counters().messages + math.ceil(count / case.grouping)
    cpu = cpu_ms(peer.pid)
    started = time.time()
    inject(peer.port, names(count))
    accepted = time.time()
    ended = sink.wait_for(expected)
    settle(peer)
    check_count(sink, expected)
    return Result(count / (ended - started), count / (ended - accepted), (cpu_ms(peer.pid) - cpu) / count)


def run(peer: Relay, sink: Sink, case: Case, count: int) -> Result:
    """One run with the peer started for it, with the case's share of so many recipients."""
    # Postfix's default is ours, too: 50. Said only where it is not the default.
    peer.relay(Outlet(sink.port, SESSIONS, 0 if case.grouping == GROUPING else case.grouping))
    peer.start()
    try:
        return measure(peer, sink, case, round(count * case.share))
    finally:
        peer.stop()


def check(peer: Relay, count: int) -> None:
    """Everybody is reached exactly once.

    :raises RuntimeError: somebody was not, or was twice.
    """
    sink = Sink(0).start()
    try:
        run(peer, sink, CASES[0], count)
        if (came := sink.counters()) != Counters(came.messages, count, count):
            raise RuntimeError(f"{peer.name} sent to {count} recipients, and the destination counted {came}")
    finally:
        sink.stop()


def play(peers: list[Relay], count: int, rounds: int) -> dict[tuple[Case, str], list[Result]]:
    """All runs, peers taking turns."""
    results: dict[tuple[Case, str], list[Result]] = {}
    sinks = {delay: Sink(delay).start() for delay in (None, DELAY_MS)}
    try:
        for peer in peers:
            check(peer, count)
        for turn in range(1, rounds + 1):
            for case in CASES:
                for peer in peers:
                    result = run(peer, sinks[case.delay_ms], case, count)
                    results.setdefault((case, peer.name), []).append(result)
                    print(f"# {turn} {peer.name}, {case.title}: {result.rate:.0f}/s", file=sys.stderr)
    finally:
        for sink in sinks.values():
            sink.stop()
    return results


def rows(results: dict[tuple[Case, str], list[Result]]) -> list[Row]:
    """The medians, with the ratio to Postfix in the same case."""
    found: list[Row] = []
    for (case, name), runs in results.items():
        rate, reference = median(run.rate for run in runs), results.get((case, "postfix"))
        found.append(
            {
                "case": case.title,
                "peer": name,
                "recipients/s": rate,
                "lowest": min(run.rate for run in runs),
                "highest": max(run.rate for run in runs),
                "after the 250": median(run.accepted for run in runs),
                "own CPU ms/recipient": f"{median(run.cpu_ms for run in runs):.3f}",
                "times Postfix": rate / median(run.rate for run in reference) if reference else float("nan"),
                "at least": TARGETS.get(case, "") if name == "qmtwist" else "",
            }
        )
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", default="qmtwist,postfix")
    parser.add_argument("--quick", action="store_true", help="a tenth of the recipients, for trying the program out")
    options = parser.parse_args()
    count = RECIPIENTS // 10 if options.quick else RECIPIENTS
    with open_place() as place:
        results = play(available(place, options.peers.split(",")), count, options.rounds)
        publish(f"One message, {count:,} recipients at one host", place.description, rows(results))


if __name__ == "__main__":
    main()
