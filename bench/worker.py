"""How many maildir deliveries a second does one worker make, and what does each cost in CPU time?

    python bench/worker.py [--messages N] [--bytes N] [--window N] [--maildirs N] [--profile] [DIRECTORY]

A real worker process, fed over a socketpair as the daemon does, with at most `--window` orders in flight; mail goes
into `--maildirs` maildirs below DIRECTORY (a temporary directory in the current one unless given). CPU time is that of
the worker process alone; the disk is waited for.

2-core virtual machine, Linux 6.18, Python 3.11, 4096-byte messages; the disk was shared with other jobs, so two runs:

| in flight | maildirs | ext4, messages/s | ext4, CPU ms each | tmpfs, messages/s | tmpfs, CPU ms each |
|---|---|---|---|---|---|
| 10 | 1 | 3,000-5,900 | 0.07-0.19 | 18,500 | 0.04 |
| 40 | 1 | 3,900-6,500 | 0.12-0.17 | 30,000 | 0.03 |
| 100 | 1 | 5,600-7,700 | 0.11-0.13 | 21,900 | 0.04 |
| 100 | 50 | 2,800-3,500 | 0.19-0.22 | - | - |
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import socket
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from qmtwist.agents.channel import Channel
from qmtwist.agents.local.worker import Terms, Worker
from qmtwist.rules.users import Account
from qmtwist.wire import spawn


def main() -> None:
    """Run it once and print a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=10000)
    parser.add_argument("--bytes", type=int, default=4096)
    parser.add_argument("--window", type=int, default=100)
    parser.add_argument("--maildirs", type=int, default=1)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("directory", nargs="?")
    asked = parser.parse_args()
    directory = os.path.abspath(asked.directory or tempfile.mkdtemp(dir="."))
    os.chmod(directory, 0o755)
    accounts = {}
    for number in range(asked.maildirs):
        home = f"{directory}/user{number}"
        for part in ("", "/Maildir", "/Maildir/tmp", "/Maildir/new", "/Maildir/cur"):
            os.mkdir(home + part)
        accounts[b"user%d" % number] = Account(b"user", os.getuid(), os.getgid(), home.encode(), b"", b"")
    ours, theirs = socket.socketpair()
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        ours.close()
        work(directory, theirs.detach(), writing, accounts, asked.profile)
    theirs.close()
    began = time.monotonic()
    feed(ours, [*accounts], asked.messages, asked.window, asked.bytes)
    elapsed = time.monotonic() - began
    ours.close()
    os.waitpid(pid, 0)
    cpu = float(os.read(reading, 100))
    rate, cost = asked.messages / elapsed, 1000 * cpu / asked.messages
    shape = f"window {asked.window}, {asked.maildirs} maildirs"
    print(f"{asked.messages} messages, {shape}: {rate:.0f}/s, {cost:.3f} ms CPU each")
    if not asked.directory:
        shutil.rmtree(directory)


def work(home: str, channel: int, result: int, accounts: dict[bytes, Account], is_profiled: bool) -> None:
    """The worker process."""
    worker = Worker(Terms(home, {}, b"./Maildir/", 60), Channel(channel), None)
    for local, account in accounts.items():
        worker.trust(local, account)
    if is_profiled:
        import cProfile
        import pstats

        profile = cProfile.Profile()
        profile.runcall(worker.run)
        pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(25)
    else:
        worker.run()
    used = resource.getrusage(resource.RUSAGE_SELF)
    os.write(result, b"%f" % (used.ru_utime + used.ru_stime))
    os._exit(0)


def feed(channel: socket.socket, locals_: list[bytes], count: int, window: int, size: int) -> None:
    """Send the orders, never more than `window` unanswered ones."""
    message = b"From: a@example.org\nSubject: bench\n\n" + b"x" * 62 + b"\n"
    message = (message + (b"y" * 63 + b"\n") * (size // 64 + 1))[:size]
    reader = spawn.FrameReader()
    sent = done = 0
    while done < count:
        orders = []
        while sent < count and sent - done < window:
            order = spawn.DeliverOrder(b"a@example.org", locals_[sent % len(locals_)], b"example.net", message)
            orders.append(spawn.encode_order(sent, order))
            sent += 1
        channel.sendall(b"".join(orders))
        for frame in reader.receive(channel.recv(1 << 16)):
            if frame.payload != b"Kdid 1+0+0\n":
                raise SystemExit(f"unexpected: {frame}")
            done += 1


if __name__ == "__main__":
    main()
