"""kill -9 at random moments: no acknowledged message may be missing afterwards.

    .venv/bin/python -m tests.torture.kill_loop [--rounds 1000] [--seed N] [--senders 4]

Senders keep a ledger of what the server acknowledged. Each round kills the daemon, or one of the processes it started,
or all of them at once, and starts again what is gone. At the end every acknowledged message must be in a mailbox or in
the queue, whole; duplicates are counted. Exit 0 if nothing is missing.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from typing import NamedTuple

from tests.support.daemon import Daemon, Home
from tests.support.processes import end_in_order, kill_all, tree, wait_until_gone
from tests.torture.ledger import Ledger, Sender, identities, queued

READY = "ready"  # the file in carol's home without which her deliveries are deferred
SETTLE_LIMIT_S = 120.0
ORPHAN_LIMIT_S = 20.0


class Finding(NamedTuple):
    """What a run of the loop found."""

    acknowledged: int
    missing: list[str]
    duplicates: int
    queued: int
    kills: Counter[str]
    orphans: int

    def __str__(self) -> str:
        kills = ", ".join(f"{count} {what}" for what, count in sorted(self.kills.items()))
        return (
            f"{self.acknowledged} acknowledged, {len(self.missing)} missing, {self.duplicates} duplicates, "
            f"{self.queued} still queued; killed: {kills}; processes that outlived their daemon: {self.orphans}"
        )


def make_home(directory: str) -> Home:
    """alice gets her mail at once; carol's is deferred until the end, so that the queue is never empty."""
    home = Home(directory, ("alice", "carol"))
    home.make()
    path = os.path.join(home.directory("carol"), ".qmail")
    with open(path, "w", encoding="ascii") as stream:
        stream.write(f"|test -e {READY} || exit 111\n./Maildir/\n")
    os.chmod(path, 0o600)
    owner = os.stat(home.directory("carol"))
    os.chown(path, owner.st_uid, owner.st_gid)
    return home


class Loop:
    """One run: a daemon, its senders, and the killer."""

    def __init__(self, directory: str, seed: int, senders: int) -> None:
        self.home = make_home(directory)
        self.daemon = Daemon(self.home)
        self.ledger = Ledger(os.path.join(directory, "ledger"))
        self.kills: Counter[str] = Counter()
        self.orphans = 0
        self._random = random.Random(seed)
        recipients = (self.home.address("alice"), self.home.address("alice"), self.home.address("carol"))
        self._senders = [
            Sender(f"sender{number}", self.daemon.smtp_port, recipients, self.ledger, pause_s=0.005)
            for number in range(senders)
        ]

    def run(self, rounds: int) -> Finding:
        """Kill so many times; then deliver everything and compare."""
        self.daemon.start()
        for sender in self._senders:
            sender.start()
        for _ in range(rounds):
            time.sleep(self._random.uniform(0.05, 0.8))
            self._kill_something()
        for sender in self._senders:
            sender.end()
        for sender in self._senders:
            sender.join(60)
        self._revive()
        return self._compare()

    def _kill_something(self) -> None:
        processes = list(tree(self.daemon.pid))
        what = self._random.choice(("daemon", "child", "everything"))
        if what == "child" and len(processes) == 1:
            what = "daemon"
        self.kills[what] += 1
        victims = {
            "daemon": processes[:1],
            "child": [self._random.choice(processes[1:] or [0])],
            "everything": processes,
        }
        kill_all(victims[what])
        if what == "child":
            # The daemon either goes on, or ends by itself because it cannot replace that child.
            wait_until_gone([self.daemon.pid], self._random.uniform(0.0, 0.5))
        self._revive(processes)

    def _revive(self, processes: list[int] | None = None) -> None:
        """What a supervisor does: start it again if it is gone, after the children have noticed."""
        if self.daemon.is_running():
            return
        left = wait_until_gone(processes or [], ORPHAN_LIMIT_S)
        self.orphans += len(left)
        kill_all(left)
        self.daemon.start()

    def _compare(self) -> Finding:
        with open(os.path.join(self.home.directory("carol"), READY), "w", encoding="ascii"):
            pass
        wanted = set(self.ledger.acknowledged)
        deadline = time.monotonic() + SETTLE_LIMIT_S
        delivered = self._delivered()
        while wanted - set(delivered) and time.monotonic() < deadline:
            self.daemon.signal(signal.SIGALRM)
            time.sleep(1)
            delivered = self._delivered()
        self.daemon.stop()
        waiting = identities(queued(self.home.path))
        delivered = self._delivered()
        return Finding(
            acknowledged=len(wanted),
            missing=sorted(wanted - set(delivered) - set(waiting)),
            duplicates=sum(count - 1 for count in delivered.values()),
            queued=len(set(waiting) - set(delivered)),
            kills=self.kills,
            orphans=self.orphans,
        )

    def _delivered(self) -> Counter[str]:
        return identities([*self.home.messages("alice"), *self.home.messages("carol")])

    def end(self) -> None:
        """Whatever happened, leave nothing running."""
        for sender in self._senders:
            sender.end()
        for sender in self._senders:
            if sender.is_alive():
                sender.join(60)
        self.ledger.close()
        if self.daemon.is_running():
            self.daemon.kill()


def torture(directory: str, rounds: int, seed: int, senders: int = 4) -> Finding:
    """The whole run, in a directory that every account may enter."""
    loop = Loop(directory, seed, senders)
    try:
        return loop.run(rounds)
    finally:
        loop.end()


def main() -> int:
    """Run the long form."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--senders", type=int, default=4)
    options = parser.parse_args()
    print(f"kill loop: {options.rounds} rounds, seed {options.seed}", flush=True)
    directory = tempfile.mkdtemp(prefix="qmtwist-torture-", dir="/tmp")
    os.chmod(directory, 0o755)
    finding = torture(directory, options.rounds, options.seed, options.senders)
    print(f"kill loop: {finding}")
    if finding.missing:
        print(f"kill loop: MISSING (everything is kept in {directory}): {' '.join(finding.missing)}")
        return 1
    shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    end_in_order()
    sys.exit(main())
