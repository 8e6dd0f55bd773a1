"""How long do the small programs take to start, and to have a message accepted?

    .venv/bin/python -m bench.cli [--runs 50] [NAME ...]

Every run starts each program once, in turn with `python3 -I -S -c pass` and with one commit (4 KB into a file of the
queue's disk, fdatasync), so that a slow minute of the machine hits all of them. Medians count. forward, preline,
condredirect and except do their work, with a child (cat or false) where they run one; forward, qmail-inject and
sendmail have a message accepted by a running server, durably, and their ratio is that without one commit. All others
print their manual, which is a start with all that they import. As root they run as the user `bench`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

from bench.peers.qmtwist import Qmtwist
from bench.place import Place, open_place
from bench.report import Row, median, publish
from qmtwist.cli.registry import PROGRAMS

GROUPS = ("alias", "filter", "header", "mailbox", "queue", "submit")
PYTHON = "/usr/bin/python3"
NOTHING = "python3 -I -S -c pass"
COMMIT = "one commit"
LIMITS = {"forward": 1.5, "preline": 1.5, "condredirect": 1.5, "except": 1.5, "qmail-inject": 2.5, "sendmail": 2.5}
LEFT_OUT = ("qmail-queue",)  # set-uid, it takes no arguments: it has no manual to print
COMMITTING = ("forward", "qmail-inject", "sendmail")
WARMING_RUNS = 3
PAUSE_S = 0.01  # for what the program before left to do, such as a delivery
MESSAGE = b"From: bench@bench.example\nTo: somebody@bench.example\nSubject: a message\n\n" + b"A line of text.\n" * 250


class Case(NamedTuple):
    """One command, what it reads, and the statuses that it may end with."""

    name: str
    command: list[str]
    statuses: tuple[int, ...] = (0,)


def environment(recipient: str) -> dict[str, str]:
    """What qmail-local gives a program of a .qmail file."""
    return {
        "PATH": "/usr/bin:/bin",
        "USER": "bench",
        "LOCAL": "bench",
        "HOST": "bench.example",
        "RECIPIENT": recipient,
        "SENDER": "sender@bench.example",
        "NEWSENDER": "sender@bench.example",
        "DTLINE": "Delivered-To: bench@bench.example\n",
        "RPLINE": "Return-Path: <sender@bench.example>\n",
        "UFLINE": "From sender@bench.example Thu Jan  1 00:00:00 1970\n",
    }


def cases(home: str, recipient: str, asked: Sequence[str]) -> list[Case]:
    """What is started, in the order of the turns; programs that the registry does not have are left out."""
    working = {
        "forward": ["forward", recipient],
        "preline": ["preline", "cat"],
        "condredirect": ["condredirect", recipient, "false"],
        "except": ["except", "false"],
        "qmail-inject": ["qmail-inject", recipient],
        "sendmail": ["sendmail", "-i", recipient],
    }
    names = [*working, *sorted(name for name, place in PROGRAMS.items() if place.split(".")[0] in GROUPS)]
    found = [Case(NOTHING, [PYTHON, "-I", "-S", "-c", "pass"])]
    for name in dict.fromkeys(names):
        if name in PROGRAMS and name not in LEFT_OUT and (not asked or name in asked):
            words = working.get(name, [name, "--help"])
            found.append(Case(name, [f"{home}/bin/{words[0]}", *words[1:]]))
    return found


def start(case: Case, environ: dict[str, str], message: str, spare: int) -> float:
    """One start, from the spawn to the end, in seconds.

    :raises RuntimeError: it ended with a status that it should not have.
    """
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, message, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0),
        (os.POSIX_SPAWN_CLOSE, spare),
    ]
    started = time.perf_counter()
    pid = os.posix_spawn(case.command[0], case.command, environ, file_actions=actions)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    taken = time.perf_counter() - started
    if status not in case.statuses:
        raise RuntimeError(f"{case.name} ended with {status}")
    return taken


def commit(descriptor: int) -> float:
    """4 KB to the disk, in seconds."""
    started = time.perf_counter()
    os.pwrite(descriptor, MESSAGE[:4096].ljust(4096), 0)
    os.fdatasync(descriptor)
    return time.perf_counter() - started


def play(chosen: list[Case], place: Place, recipient: str, runs: int) -> dict[str, list[float]]:
    """All runs; the times of each program, and of a commit."""
    environ = environment(recipient)
    message = f"{place.user_home}/message"
    with open(message, "wb") as stream:
        stream.write(MESSAGE)
    spare = os.open(f"{place.user_home}/commit", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    os.pwrite(spare, bytes(4096), 0)
    times: dict[str, list[float]] = {}
    for turn in range(runs + WARMING_RUNS):
        for case in chosen:
            time.sleep(PAUSE_S)
            taken = start(case, environ, message, spare)
            if turn >= WARMING_RUNS:
                times.setdefault(case.name, []).append(taken)
        times.setdefault(COMMIT, []).append(commit(spare))
    return times


def play_as_user(chosen: list[Case], place: Place, recipient: str, runs: int) -> dict[str, list[float]]:
    """The same in a child that has become the user, as root."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            if place.is_root:
                os.setgroups([])
                os.setgid(place.gid)
                os.setuid(place.uid)
            os.chdir(place.user_home)
            data = json.dumps(play(chosen, place, recipient, runs)).encode()
            with open(writing, "wb") as stream:
                stream.write(data)
            os._exit(0)
        except BaseException as error:
            print(f"bench: {error!r}", file=sys.stderr)
            os._exit(1)
    os.close(writing)
    with open(reading, "rb") as stream:
        data = stream.read()
    if os.waitpid(child, 0)[1]:
        raise SystemExit(1)
    times: dict[str, list[float]] = json.loads(data)
    return times


def rows(times: dict[str, list[float]]) -> list[Row]:
    """Medians in milliseconds, and how often they hold Python's own start."""
    own = median(times[NOTHING])
    sync = median(times[COMMIT])
    found: list[Row] = []
    for name, runs in times.items():
        less = sync if name in COMMITTING else 0.0
        found.append(
            {
                "program": name,
                "ms": 1000 * median(runs),
                "lowest": 1000 * min(runs),
                "times Python": (median(runs) - less) / own,
                "of lowest": (min(runs) - (min(times[COMMIT]) if less else 0.0)) / min(times[NOTHING]),
                "limit": f"{LIMITS[name]} and a commit" if less else str(LIMITS.get(name, "")),
            }
        )
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these programs")
    options = parser.parse_args()
    with open_place(1 << 30) as place:
        peer = Qmtwist(place)
        peer.make_home()
        with open(f"{place.user_home}/.qmail-nothing", "w", encoding="ascii") as stream:
            stream.write("# accepted, and then delivered nowhere\n")
        os.chmod(place.user_home, 0o755)
        recipient = f"{place.account}-nothing@bench.example"
        peer.start()
        try:
            times = play_as_user(cases(peer.home, recipient, options.names), place, recipient, options.runs)
        finally:
            peer.stop()
        publish("Starting the small programs", place.description, rows(times))


if __name__ == "__main__":
    main()
