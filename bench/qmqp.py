"""How many messages a second come in by QMQP, and by QMTP beside SMTP, down to a durable Maildir?

    .venv/bin/python -m bench.qmqp [--rounds 5] [--quick]

QMQP: Postfix's qmqp-source, a connection for each message. QMTP and SMTP: kept connections from bench/package_load.py,
the same program for both, one message at a time down each. Messages of 4 KB; a run lasts from its start until the last
file is in new/. The loads take turns; the median of the rounds counts. Only our own server runs: what qmail's
qmail-qmqpd did under tcpserver is a figure recorded before, on a machine of this kind, and not measured here.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from bench import package_load
from bench.load import MESSAGE_BYTES, Result, empty, settle, wait_for
from bench.peers.qmtwist import Qmtwist
from bench.place import open_place
from bench.report import Row, median, publish
from tests.support.daemon import free_port
from tests.support.processes import cpu_ms

QMAIL_RECORDED = 280.0  # messages a second into Maildirs, qmail-qmqpd under tcpserver
TARGET_TIMES_QMAIL = 6.0
SESSIONS = (10, 50)


class Load(NamedTuple):
    """A protocol, and how many connections there are at the same time."""

    protocol: str
    sessions: int
    messages: int


LOADS = [Load(protocol, sessions, 3000) for sessions in SESSIONS for protocol in ("QMQP", "QMTP", "SMTP")]


class Server(Qmtwist):
    """Our own, listening for all three."""

    def start(self) -> None:
        """On free ports."""
        self.qmqp, self.qmtp = free_port(), free_port()
        self.control |= {
            "listenqmqp": f"tcp:{self.qmqp}:interface=127.0.0.1",
            "listenqmtp": f"tcp:{self.qmtp}:interface=127.0.0.1",
            "tcprules.qmqp": "127.:allow",
        }
        super().start()


def qmqp_source() -> str:
    """Where the load generator is.

    :raises SystemExit: it is not installed.
    """
    found = shutil.which("qmqp-source", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if not found:
        raise SystemExit("bench: qmqp-source is needed (package postfix; the service need not run)")
    return found


def sending(server: Server, load: Load) -> Callable[[], object]:
    """What sends it all."""
    if load.protocol == "QMTP":
        turns = package_load.qmtp_turns(server.recipient)
        return lambda: package_load.send(server.qmtp, turns, load.sessions, load.messages, False)
    if load.protocol == "SMTP":
        turns = package_load.smtp_turns(server.recipient)
        return lambda: package_load.send(server.port, turns, load.sessions, load.messages, True)
    command = [qmqp_source(), "-s", str(load.sessions), "-m", str(load.messages), "-l", str(MESSAGE_BYTES)]
    command += ["-f", package_load.SENDER, "-t", server.recipient, f"inet:127.0.0.1:{server.qmqp}"]
    return lambda: subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def measure(server: Server, load: Load) -> Result:
    """One run against an empty Maildir."""
    send = sending(server, load)
    empty(server.maildir)
    settle(server)
    cpu, started = cpu_ms(server.pid), time.time()
    send()
    accepted = time.time()
    ended = wait_for(server.maildir, load.messages)
    settle(server)
    spent = cpu_ms(server.pid) - cpu
    return Result(load.messages / (ended - started), load.messages / (accepted - started), spent / load.messages)


def rows(results: dict[Load, list[Result]]) -> list[Row]:
    """The medians."""
    found: list[Row] = []
    for load, runs in results.items():
        rate = median(run.end_to_end for run in runs)
        smtp = next(other for other in results if (other.protocol, other.sessions) == ("SMTP", load.sessions))
        is_qmqp = load.protocol == "QMQP"
        found.append(
            {
                "load": f"{load.protocol}, {load.sessions} sessions",
                "messages/s end to end": rate,
                "lowest": min(run.end_to_end for run in runs),
                "highest": max(run.end_to_end for run in runs),
                "accepted/s": median(run.accepted for run in runs),
                "own CPU ms/message": median(run.cpu_ms for run in runs),
                "times qmail's recorded 280/s": rate / QMAIL_RECORDED if is_qmqp else "",
                "times our SMTP": "" if is_qmqp else rate / median(run.end_to_end for run in results[smtp]),
                "target": TARGET_TIMES_QMAIL if is_qmqp else 1.0,
            }
        )
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a tenth of the messages, for trying the program out")
    options = parser.parse_args()
    loads = [load._replace(messages=load.messages // 10) for load in LOADS] if options.quick else LOADS
    results: dict[Load, list[Result]] = {}
    with open_place() as place:
        server = Server(place)
        server.start()
        try:
            for turn in range(1 if options.quick else 0, options.rounds + 1):
                for load in loads:
                    result = measure(server, load)
                    if turn:  # the first turn warms caches and makes files
                        results.setdefault(load, []).append(result)
                        print(f"# {turn} {load.protocol} {load.sessions}: {result.end_to_end:.0f}/s", file=sys.stderr)
        finally:
            server.stop()
        publish("QMQP, QMTP and SMTP in, queue, Maildir, everything durable", place.description, rows(results))


if __name__ == "__main__":
    main()
