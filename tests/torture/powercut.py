"""Cut the power at any moment: no acknowledged message may be missing after the restart. Needs root.

    .venv/bin/python -m tests.torture.powercut [--seconds 5] [--states 100] [--file-system ext4|xfs|btrfs] [--seed N]

The whole mail home and the mailboxes stand on a small file system, on a loop device, on a disk that records every write
and every flush (tests.torture.recorder). Senders keep a ledger of what was acknowledged, and when, in terms of that
record. Afterwards disks are built as a power cut could have left them: everything up to the last flush, and any
subset of the writes after it. Each is mounted, the server is started on it, and every message acknowledged before the
cut must be in a mailbox or in the queue, whole.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import NamedTuple

from tests.support import privately
from tests.support.daemon import TOP, Daemon, Home, running
from tests.support.processes import end_in_order
from tests.torture.kill_loop import READY, make_home
from tests.torture.ledger import Ledger, Sender, identities, queued
from tests.torture.recorder import Flush, Write, read_log

SIZES = {"ext4": 96 << 20, "xfs": 320 << 20, "btrfs": 256 << 20}
MAKE = {
    "ext4": ["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"],
    "xfs": ["mkfs.xfs", "-q", "-f"],
    "btrfs": ["mkfs.btrfs", "-q", "-f"],
}
SECTOR = 512
SETTLE_LIMIT_S = 60.0


class Plan(NamedTuple):
    """What is asked."""

    seconds: float
    states: int
    file_system: str
    seed: int


class Lost(NamedTuple):
    """Acknowledged messages that a cut took."""

    cut: int  # a position in the log
    missing: list[str]


def what_is_missing(file_system: str) -> str:
    """Why this machine cannot do it; empty if it can."""
    if os.geteuid() != 0:
        return "a recorded disk needs root"
    if not os.path.exists("/dev/fuse") or not os.path.exists("/dev/loop-control"):
        return "a recorded disk needs /dev/fuse and loop devices"
    with open("/proc/filesystems", encoding="ascii") as stream:
        if file_system not in stream.read().split():
            return f"this kernel has no {file_system}"
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return "" if shutil.which(MAKE[file_system][0], path=path) else f"{MAKE[file_system][0]} is not installed"


def command(*words: str) -> str:
    """Run an administrator's command; what it printed, without the last newline."""
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout.rstrip("\n")


@contextlib.contextmanager
def mounted(image: str, point: str, file_system: str) -> Iterator[None]:
    """An image, mounted through a loop device."""
    device = command("losetup", "--find", "--show", image)
    try:
        command("mount", "-t", file_system, device, point)
    finally:
        # In use it is only marked: the kernel lets go of it at the umount, whoever does that.
        command("losetup", "--detach", device)
    try:
        yield
    finally:
        command("umount", point)


@contextlib.contextmanager
def recorded(image: str, log: str, target: str) -> Iterator[None]:
    """`target` is a disk with the content of `image`; what happens to it is appended to `log`."""
    words = [sys.executable, "-m", "tests.torture.recorder", image, log, target]
    # Ctrl-C is for us: the disk goes on until it is unmounted.
    server = subprocess.Popen(words, stdout=subprocess.PIPE, cwd=TOP, start_new_session=True)
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    try:
        yield
    finally:
        command("umount", target)
        assert server.wait(30) == 0


class Experiment:
    """One recorded run, and the disks that a cut could have left of it."""

    def __init__(self, base: str, plan: Plan) -> None:
        self.plan = plan
        self.point = f"{base}/disk"
        self._base = base
        self._random = random.Random(plan.seed)
        self._image, self._log, self._start = f"{base}/image", f"{base}/log", f"{base}/start"
        os.mkdir(self.point)
        self.home: Home
        self.ledger = Ledger(f"{base}/ledger", lambda: os.path.getsize(self._log))

    def prepare(self) -> None:
        """A home on a fresh file system: the state before the recording."""
        with open(self._image, "wb") as stream:
            stream.truncate(SIZES[self.plan.file_system])
        command(*MAKE[self.plan.file_system], self._image)
        with mounted(self._image, self.point, self.plan.file_system):
            os.chmod(self.point, 0o755)
            self.home = make_home(self.point)
        shutil.copyfile(self._image, self._start)

    def record(self) -> None:
        """Let senders and the server work on the recorded disk, for the seconds that were asked."""
        target = f"{self._base}/recorded"
        for path in (target, self._log):
            with open(path, "wb"):
                pass
        with recorded(self._image, self._log, target), mounted(target, self.point, self.plan.file_system):
            daemon = Daemon(self.home)
            with running(daemon):
                self._work(daemon)

    def _work(self, daemon: Daemon) -> None:
        recipients = (self.home.address("alice"), self.home.address("alice"), self.home.address("carol"))
        senders = [Sender(f"sender{number}", daemon.smtp_port, recipients, self.ledger, 0.01) for number in range(4)]
        for sender in senders:
            sender.start()
        time.sleep(self.plan.seconds)
        for sender in senders:
            sender.end()
        for sender in senders:
            sender.join(60)
        self.ledger.close()

    def disks(self) -> Iterator[int]:
        """Leave a disk as a cut would have in `image`, again and again; the position of each cut in the log."""
        records = list(read_log(self._log))
        cuts = sorted(self._random.sample(range(1, len(records)), min(self.plan.states, len(records) - 1)))
        durable = f"{self._base}/durable"
        shutil.copyfile(self._start, durable)
        pending: list[Write] = []
        wanted = iter([*cuts, -1])
        cut = next(wanted)
        for index, record in enumerate(records):
            if index == cut:
                self._build(durable, pending)
                yield record.start
                cut = next(wanted)
            if isinstance(record, Flush):
                apply(durable, pending)
                pending = []
            else:
                pending.append(record)

    def _build(self, durable: str, pending: list[Write]) -> None:
        """The durable part, and a subset of what was under way: perhaps all of it, or nothing, or torn writes."""
        shutil.copyfile(durable, self._image)
        share = self._random.choice((0.0, 0.5, 0.9, 1.0))
        kept = [torn(write, self._random) for write in pending if self._random.random() < share]
        apply(self._image, kept)

    def check(self, cut: int) -> Lost:
        """Start the server on the disk and look for everything that had been acknowledged."""
        wanted = {identity for identity, position in self.ledger.acknowledged.items() if position <= cut}
        with mounted(self._image, self.point, self.plan.file_system):
            with open(os.path.join(self.home.directory("carol"), READY), "w", encoding="ascii"):
                pass
            daemon = Daemon(self.home)
            with running(daemon):
                daemon.signal(signal.SIGALRM)
                deadline = time.monotonic() + SETTLE_LIMIT_S
                while wanted - self._delivered() and time.monotonic() < deadline:
                    time.sleep(0.2)
            found = self._delivered() | set(identities(queued(self.home.path)))
        return Lost(cut, sorted(wanted - found))

    def _delivered(self) -> set[str]:
        return set(identities([*self.home.messages("alice"), *self.home.messages("carol")]))


def apply(image: str, writes: list[Write]) -> None:
    """Carry writes out on an image, in this order."""
    descriptor = os.open(image, os.O_WRONLY)
    try:
        for write in writes:
            os.pwrite(descriptor, write.data, write.offset)
    finally:
        os.close(descriptor)


def torn(write: Write, chance: random.Random) -> Write:
    """Now and then only the first sectors of a write get to the disk."""
    if len(write.data) <= SECTOR or chance.random() < 0.8:
        return write
    return write._replace(data=write.data[: SECTOR * chance.randrange(1, len(write.data) // SECTOR + 1)])


def torture(base: str, plan: Plan) -> tuple[int, list[Lost]]:
    """Record and check; how many messages were acknowledged, and what each bad cut took. Enters private mounts."""
    if not privately.enter():
        raise OSError("not allowed to mount")
    experiment = Experiment(base, plan)
    experiment.prepare()
    experiment.record()
    losses = []
    for count, cut in enumerate(experiment.disks(), 1):
        lost = experiment.check(cut)
        if lost.missing:
            losses.append(lost)
        if count % 10 == 0:
            print(f"power cut: {count} of {plan.states} disks checked, {len(losses)} bad", flush=True)
    return len(experiment.ledger.acknowledged), losses


def main() -> int:
    """Run the long form."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--states", type=int, default=100)
    parser.add_argument("--file-system", choices=sorted(MAKE), default="ext4")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    plan = Plan(**vars(parser.parse_args()))
    reason = what_is_missing(plan.file_system)
    if reason:
        print(f"power cut: {reason}")
        return 2
    print(f"power cut: {plan.file_system}, {plan.states} disks, seed {plan.seed}", flush=True)
    base = tempfile.mkdtemp(prefix="qmtwist-powercut-", dir="/var/tmp")
    os.chmod(base, 0o755)
    acknowledged, losses = torture(base, plan)
    for lost in losses:
        print(f"power cut: cut at {lost.cut}: MISSING {' '.join(lost.missing)}")
    print(f"power cut: {acknowledged} acknowledged, {plan.states} disks, {len(losses)} of them bad")
    if losses:
        print(f"power cut: the record is kept in {base}")
        return 1
    shutil.rmtree(base)
    return 0


if __name__ == "__main__":
    end_in_order()
    sys.exit(main())
