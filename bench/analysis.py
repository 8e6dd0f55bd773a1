"""How long does a log of a million lines take, and how much memory?

    .venv/bin/python -m bench.analysis [--lines 1000000] [--runs 3]

A made log of a day: seven lines or more for each message (four in ten of them to several recipients, one delivery in
ten deferred, one in fifty failed), 200,000 addresses at 20,000 hosts, a hundred messages open at any time; stamps of
multilog. It is read by matchup, by each report, and by `qmtwist stats` in all its forms, also compressed and as JSON.
Seconds are the median; memory is the highest of the process (VmHWM).
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import json
import lzma
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from bench.report import Row, median, publish
from qmtwist.cli.control.launchers import write_launchers
from qmtwist.logbook import tai64
from qmtwist.logbook.analysis.reports import REPORTS

START_S = 1_795_000_000
LIMIT_S, LIMIT_MB = 20, 200
SUCCESS = b"192.0.2.%d_accepted_message./Remote_host_said:_250_2.0.0_Ok:_queued_as_%08X/"
DEFERRALS = (
    b"Connected_to_192.0.2.%d_but_connection_died._(#4.4.2)/",
    b"192.0.2.%d_does_not_like_recipient./Remote_host_said:_451_4.7.1_greylisted,_come_back_later/",
    b"Sorry,_I_wasn't_able_to_establish_an_SMTP_connection._(#4.4.1)/",
)
FAILURES = (
    b"192.0.2.%d_does_not_like_recipient./Remote_host_said:_550_5.1.1_no_such_user/Giving_up_on_192.0.2.7./",
    b"Sorry,_no_mailbox_here_by_that_name._(#5.1.1)/",
    b"192.0.2.%d_failed_after_I_sent_the_message./Remote_host_said:_554_5.7.1_looks_like_spam/",
)


class Writer:
    """Writes what a queue manager would, message by message; some stay open for a while."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._now_ns = START_S * tai64.SECOND_NS
        self._delivery = 0
        self._local = self._remote = 0

    def _line(self, text: bytes) -> bytes:
        hour = self._now_ns // tai64.SECOND_NS % 86400 / 3600
        quiet = 1.0 + 0.8 * math.cos((hour - 2) / 12 * math.pi)  # most of it comes in the afternoon
        self._now_ns += int(self._chance.randrange(1_000, 140_000_000) * quiet)
        return tai64.stamp(self._now_ns) + b" " + text + b"\n"

    def _status(self) -> bytes:
        return self._line(b"status: local %d/10 remote %d/120" % (self._local, self._remote))

    def messages(self) -> Iterator[Iterator[bytes]]:
        """Messages without end, each an iterator over its lines."""
        number = 1000
        while True:
            number += 1
            yield self._message(number)

    def _message(self, number: int) -> Iterator[bytes]:
        chance = self._chance
        sender = chance.choice([b"", b"user%d@sun.example" % chance.randrange(3000)])
        yield self._line(b"new msg %d" % number)
        size, uid = chance.randrange(500, 90_000), chance.randrange(1000, 1040)
        yield self._line(b"info msg %d: bytes %d from <%b> qp %d uid %d" % (number, size, sender, number, uid))
        for _ in range(1 if chance.random() < 0.6 else chance.randrange(2, 5)):
            user = chance.randrange(200_000)
            address = b"user%d@host%d.example" % (user, user % 20_000)
            while True:
                yield from self._attempt(number, address)
                if chance.random() > 0.1:
                    break
        yield self._line(b"end msg %d" % number)

    def _attempt(self, number: int, address: bytes) -> Iterator[bytes]:
        chance = self._chance
        self._delivery += 1
        delivery = self._delivery
        yield self._line(b"starting delivery %d: msg %d to remote %b" % (delivery, number, address))
        self._remote += 1
        yield self._status()
        part, draw = chance.randrange(256), chance.random()
        if draw < 0.1:
            text = b"deferral: " + chance.choice(DEFERRALS).replace(b"%d", b"%d" % part)
        elif draw < 0.12:
            text = b"failure: " + chance.choice(FAILURES).replace(b"%d", b"%d" % part)
        else:
            text = b"success: " + SUCCESS % (part, chance.getrandbits(32))
        yield self._line(b"delivery %d: %b" % (delivery, text))
        self._remote -= 1
        yield self._status()


def made(count: int, seed: int = 1, together: int = 100) -> Iterator[bytes]:
    """So many lines of a log in which `together` messages are under way at once."""
    writer = Writer(seed)
    source = writer.messages()
    under_way = [next(source) for _ in range(together)]
    chance = random.Random(seed)
    while count:
        place = chance.randrange(together)
        line = next(under_way[place], None)
        if line is None:
            under_way[place] = next(source)
            continue
        count -= 1
        yield line


def as_json(line: bytes) -> bytes:
    """The line as the daemon has it with --log-format json."""
    found = tai64.split(line)
    assert found is not None
    at, words = found[0] + found[1] / 1e9, found[2].decode().split()
    values: dict[str, object]
    if words[0] == "new":
        values = {"event": "NewMessage", "number": int(words[2])}
    elif words[0] == "info":
        values = {"event": "MessageInfo", "number": int(words[2][:-1]), "size": int(words[4]), "sender": words[6][1:-1],
                  "qp": int(words[8]), "uid": int(words[10])}  # fmt: skip
    elif words[0] == "starting":
        values = {"event": "DeliveryStarted", "delivery": int(words[2][:-1]), "number": int(words[4]),
                  "channel": words[6], "recipient": words[7]}  # fmt: skip
    elif words[0] == "delivery":
        values = {"event": "DeliveryEnded", "delivery": int(words[1][:-1]), "kind": words[2][:-1], "text": words[3]}
    elif words[0] == "end":
        values = {"event": "MessageEnded", "number": int(words[2])}
    else:
        values = {"event": "Status", "local": 0, "local_limit": 10, "remote": 1, "remote_limit": 120,
                  "is_stopping": False}  # fmt: skip
    return json.dumps({"time": round(at, 6), **values}).encode() + b"\n"


def write_logs(directory: str, count: int) -> None:
    """The log as it is, compressed, in JSON, and matched."""
    log, matched = f"{directory}/log", f"{directory}/matched"
    with open(log, "wb") as stream, open(f"{directory}/log.json", "wb") as objects:
        for line in made(count):
            stream.write(line)
            objects.write(as_json(line))
    with open(log, "rb") as stream:
        data = stream.read()
    for ending, pack in (
        ("gz", gzip.compress),
        ("bz2", bz2.compress),
        ("xz", lambda text: lzma.compress(text, preset=1)),
    ):
        with open(f"{log}.{ending}", "wb") as stream:
            stream.write(pack(data))
    subprocess.run(
        ["/bin/sh", "-c", '"$0" < "$1" > "$2" 5> /dev/null', f"{directory}/bin/matchup", log, matched], check=True
    )


def cases(directory: str) -> list[tuple[str, list[str], str]]:
    """Names, commands, and what they read."""
    log, stats = f"{directory}/log", [f"{directory}/bin/qmtwist", "stats"]
    found = [("matchup", [f"{directory}/bin/matchup"], log)]
    found += [(name, [f"{directory}/bin/{name}"], f"{directory}/matched") for name in map(os.fsdecode, REPORTS)]
    found += [
        (f"qmtwist stats, {form}", [*stats, "--format", form, log], os.devnull) for form in ("text", "json", "html")
    ]
    found += [
        (f"qmtwist stats, log.{kind}", [*stats, f"{log}.{kind}"], os.devnull) for kind in ("gz", "bz2", "xz", "json")
    ]
    return found


def measure(command: list[str], path: str) -> tuple[float, float, float]:
    """Seconds, those of CPU, and highest MB of one run.

    :raises RuntimeError: it failed.
    """
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, path, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 5, os.devnull, os.O_WRONLY, 0),
    ]
    started = time.perf_counter()
    pid = os.posix_spawn(command[0], command, dict(os.environ), file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    taken = time.perf_counter() - started
    if status:
        raise RuntimeError(f"{command[0]} ended with {os.waitstatus_to_exitcode(status)}")
    return taken, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def apart(directory: str, count: int) -> None:
    """Write the logs in another process: what this one has ever held would count as memory of its children."""
    pid = os.fork()
    if not pid:
        status = 1
        try:
            write_logs(directory, count)
            status = 0
        finally:
            os._exit(status)
    if os.waitpid(pid, 0)[1]:
        raise RuntimeError("the logs could not be written")


def main() -> None:
    """Make the logs, run everything in turn, print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="qmtwist-bench-", dir="/var/tmp") as directory:
        write_launchers(directory)
        apart(directory, asked.lines)
        rows: list[Row] = []
        for name, command, path in cases(directory):
            results = [measure(command, path) for _ in range(asked.runs)]
            rows.append({
                "program": name,
                "seconds": median(taken for taken, _, _ in results),
                "CPU seconds": median(cpu for _, cpu, _ in results),
                "MB, highest": max(memory for _, _, memory in results),
                "seconds at most": float(LIMIT_S),
                "MB at most": float(LIMIT_MB),
            })  # fmt: skip
            print(name, file=sys.stderr)
        publish(f"A log of {asked.lines:,} lines", "read from /var/tmp", rows)


if __name__ == "__main__":
    main()
