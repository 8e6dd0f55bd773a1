"""How many transactions a second does one remote agent make, and what does each cost in CPU time?

    python bench/remote_agent.py [--messages N] [--bytes N] [--sessions N] [--recipients N] [--destinations N]
                                 [--alone] [--profile]

A real agent process, fed over a socketpair as the daemon does: as many transactions as there are sessions, each of
which gets its slot as soon as it asks. They go by route to Postfix's smtp-sink on loopback. `--alone` makes a new
connection for every transaction. CPU time is that of the agent alone; it shares the machine with sink and driver.

2-core virtual machine, Linux 6.18, Python 3.11; medians of three runs, 4096-byte messages unless another size is named:

| sessions | what | transactions/s | CPU ms each |
|---|---|---|---|
| 20 | connections used again | 7,800 | 0.11 |
| 100 | connections used again | 7,500 | 0.09 |
| 20 | a connection for each | 2,650 | 0.33 |
| 20 | 50 recipients each | 1,430 (71,000 recipients/s) | 0.66 |
| 20 | 100,000 bytes | 2,000 | 0.32 |
| 20 | 10,000,000 bytes | 22 | 28 |
"""

from __future__ import annotations

import argparse
import os
import select
import socket
import sys
import tempfile
import time
from typing import NamedTuple

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from bench.sink import Sink
from qmtwist.agents.channel import Channel
from qmtwist.wire import remoteorder, spawn
from qmtwist.wire.remoteorder import RemoteOrder


class Figures(NamedTuple):
    """What came out of a run."""

    rate: float  # transactions a second
    cpu_ms: float  # of the agent, for each
    failed: int


def main() -> None:
    """Run it once and print a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=10000)
    parser.add_argument("--bytes", type=int, default=4096)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--recipients", type=int, default=1)
    parser.add_argument("--destinations", type=int, default=1)
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--profile", action="store_true")
    asked = parser.parse_args()
    sink = Sink().start()
    try:
        with tempfile.TemporaryDirectory(prefix="remote-agent-") as home:
            make_home(home, sink.port, asked.alone)
            figures = measure(home, asked)
    finally:
        sink.stop()
    print(
        f"{asked.messages} x {asked.bytes} bytes, {asked.sessions} sessions, {asked.recipients} recipients: "
        f"{figures.rate:.0f} transactions/s, {figures.cpu_ms:.3f} ms CPU each, {figures.failed} failed"
    )


def make_home(home: str, port: int, is_alone: bool) -> None:
    """As much of a home as the agent looks at."""
    os.makedirs(f"{home}/control")
    os.makedirs(f"{home}/queue/lock")
    files = {"me": "bench.example", "smtproutes": f":[127.0.0.1]:{port}", "remoteidle": "0" if is_alone else "3"}
    files["remotemessages"] = "1000"
    for name, content in files.items():
        with open(f"{home}/control/{name}", "w", encoding="ascii") as stream:
            stream.write(content + "\n")
    with open(f"{home}/queue/lock/tcpto", "wb") as table:
        table.write(bytes(1024))


def start_agent(home: str, profile: bool) -> tuple[int, Channel]:
    """Fork an agent; its process and our end of its socket."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if not pid:
        ours.close()
        status = 1
        try:
            status = run_agent(home, theirs.detach(), profile)
        finally:
            os._exit(status)
    theirs.close()
    channel = Channel(ours.detach())
    channel.send(spawn.frame(spawn.HELLO, 0, b"%d" % spawn.VERSION))
    return pid, channel


def run_agent(home: str, descriptor: int, profile: bool) -> int:
    """The agent's whole life."""
    from qmtwist.services.remote.rspawn import serve_daemon

    if not profile:
        return serve_daemon(home, descriptor)
    import cProfile
    import pstats

    profiler = cProfile.Profile()
    status: int = profiler.runcall(serve_daemon, home, descriptor)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(45)
    return status


def measure(home: str, asked: argparse.Namespace) -> Figures:
    """Drive one agent through all transactions."""
    pid, channel = start_agent(home, asked.profile)
    message = b"Subject: bench\n\n" + (b"x" * 72 + b"\n") * (asked.bytes // 73)
    driver = Driver(channel, message, asked.recipients, asked.destinations)
    started = time.perf_counter()
    driver.run(asked.messages, asked.sessions)
    took_s = time.perf_counter() - started
    hang_up(channel)
    _, _, usage = os.wait4(pid, 0)
    cpu_ms = (usage.ru_utime + usage.ru_stime) * 1000 / asked.messages
    return Figures(asked.messages / took_s, cpu_ms, driver.failed)


def hang_up(channel: Channel) -> None:
    """As the daemon does at its end: nothing more is ordered, and reports may still come."""
    with socket.socket(fileno=os.dup(channel.fileno())) as other:
        other.shutdown(socket.SHUT_WR)


class Driver:
    """Stands in for the daemon: orders as long as there are sessions free, and a slot for whoever asks."""

    def __init__(self, channel: Channel, message: bytes, recipients: int, destinations: int) -> None:
        self._channel = channel
        names = tuple(b"user%d" % number for number in range(recipients))
        self._orders = [
            RemoteOrder(b"sender@bench.example", b"d%d.example" % number, names, message)
            for number in range(destinations)
        ]
        self._reports = recipients
        self._left: dict[int, int] = {}
        self.failed = 0

    def run(self, count: int, sessions: int) -> None:
        """Until all are reported."""
        sent = ended = 0
        while ended < count:
            output = []
            while sent < count and len(self._left) < sessions:
                sent += 1
                self._left[sent] = self._reports
                output.append(remoteorder.encode_transaction(sent, self._orders[sent % len(self._orders)]))
            if output:
                self._channel.send(b"".join(output))
            ended += self._listen()

    def _listen(self) -> int:
        select.select([self._channel.fileno()], [], [])
        frames = self._channel.receive()
        assert frames is not None, "the agent has left"
        output, ended = [], 0
        for frame in frames:
            if frame.kind == remoteorder.HEAVY:
                output.append(spawn.frame(remoteorder.GO, frame.number))
            elif frame.kind == remoteorder.NOTE:
                print(frame.payload.decode())
            elif frame.kind == remoteorder.REPORT:
                ended += self._reported(frame)
        if output:
            self._channel.send(b"".join(output))
        return ended

    def _reported(self, frame: spawn.Frame) -> int:
        _, outcome = remoteorder.parse_report_of(frame.payload)
        if outcome is None or outcome.verdict.value != b"K":
            if not self.failed:
                print(outcome)
            self.failed += 1
        self._left[frame.number] -= 1
        if self._left[frame.number]:
            return 0
        del self._left[frame.number]
        return 1


if __name__ == "__main__":
    main()
