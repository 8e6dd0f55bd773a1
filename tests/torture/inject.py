"""System calls that fail: strace makes them fail in the daemon or in a worker while mail comes in.

    python -m tests.torture.inject                   # all the cases below
    python -m tests.torture.inject 'daemon fsync:error=EIO:when=3+4'

What was acknowledged must be in a mailbox or in the queue in the end, the daemon must live, and take mail again as soon
as the fault is over.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import smtplib
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

from tests.support.daemon import Daemon, Home, mail_owner
from tests.support.processes import tree
from tests.torture.ledger import Ledger, Sender, identities, message, queued

LIMIT_S = 20.0
CASES = (
    "daemon fdatasync:error=EIO:when=5+7",
    "daemon fdatasync:error=ENOSPC:when=1..30",
    "daemon pwrite64:error=ENOSPC:when=5+7",
    "daemon fsync:error=EIO:when=3+4",
    "daemon openat:error=EMFILE:when=4+5",
    "daemon openat:error=ENOSPC:when=3+4",
    "daemon syncfs:error=EIO:when=1+2",
    "daemon rename:error=EIO:when=1+3",
    "daemon link,unlink:error=EACCES:when=1+3",
    "daemon utimensat:error=EPERM:when=1+2",
    "worker openat:error=EMFILE:when=3+4",
    "worker fsync,fdatasync,syncfs:error=EIO:when=2+3",
    "worker link,rename:error=ENOSPC:when=2+3",
    "worker unlink:error=EIO:when=1+2",
    "worker fork,clone,clone3,vfork:error=EAGAIN:when=1+2",
)


class Finding(NamedTuple):
    """One case."""

    acknowledged: int
    injected: int
    missing: list[str]
    is_alive: bool  # it needed no new start

    def __str__(self) -> str:
        alive = "" if self.is_alive else ", THE DAEMON ENDED"
        return f"{self.acknowledged} acknowledged, {self.injected} calls failed, {len(self.missing)} missing{alive}"


def make_home(directory: str) -> Home:
    """alice gets her mail at once; carol's goes through queue files."""
    home = Home(directory, ("alice", "carol"))
    home.make()
    path = f"{home.directory('carol')}/.qmail"
    with open(path, "w", encoding="ascii") as stream:
        stream.write("|test -e ready || exit 111\n./Maildir/\n")
    os.chown(path, *mail_owner())
    os.chmod(path, 0o600)
    return home


def send(daemon: Daemon, identity: str, ledger: Ledger) -> None:
    """One message; it is in the ledger if it was taken."""
    with smtplib.SMTP("127.0.0.1", daemon.smtp_port, local_hostname="localhost", timeout=LIMIT_S) as client:
        client.sendmail("ann@sender.example", [daemon.home.address("alice")], message(identity, 300))
    ledger.enter(identity)


def target(daemon: Daemon, who: str) -> int:
    """The process to be troubled: the daemon, or alice's worker."""
    if who == "daemon":
        return daemon.pid
    parents = {pid: stat.parent for pid, stat in tree(daemon.pid).items()}
    return next(pid for pid, parent in parents.items() if parent != daemon.pid and parents.get(parent) == daemon.pid)


def inject(directory: str, case: str, seconds: float = 2.0) -> Finding:
    """Run one case in a directory that every account may enter.

    :raises FileNotFoundError: no strace here. :raises PermissionError: it may not attach.
    """
    who, _, fault = case.partition(" ")
    home = make_home(directory)
    daemon, ledger = Daemon(home), Ledger(f"{directory}/ledger")
    daemon.start()
    try:
        send(daemon, "first", ledger)
        daemon.wait_for_messages("alice", 1)
        trouble = attach(f"{directory}/trace", target(daemon, who), fault)
        addresses = tuple(map(home.address, ("alice", "alice", "carol")))
        senders = [Sender(f"sender{at}", daemon.smtp_port, addresses, ledger) for at in range(3)]
        for sender in senders:
            sender.start()
        time.sleep(seconds)
        trouble.send_signal(signal.SIGINT)
        trouble.wait(LIMIT_S)
        for sender in senders:
            sender.end()
        for sender in senders:
            sender.join(LIMIT_S)
        return compare(daemon, ledger, f"{directory}/trace")
    finally:
        ledger.close()
        if daemon.is_running():
            daemon.kill()


def attach(trace: str, pid: int, fault: str) -> subprocess.Popen[bytes]:
    """strace, once it has the process."""
    calls = fault.partition(":")[0]
    words = ["strace", "-f", "-o", trace, "-p", str(pid), "-e", f"trace={calls}", "-e", f"inject={fault}"]
    with open(f"{trace}.said", "wb") as said:  # not a pipe: it says a line for every new thread
        process = subprocess.Popen(words, stderr=said)
    deadline = time.monotonic() + LIMIT_S
    while b"attached" not in (line := content(f"{trace}.said")):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise PermissionError(line.decode())
        time.sleep(0.01)
    return process


def content(path: str) -> bytes:
    """A whole file."""
    with open(path, "rb") as stream:
        return stream.read()


def compare(daemon: Daemon, ledger: Ledger, trace: str) -> Finding:
    """The fault is over: it takes mail again, and everything acknowledged is somewhere."""
    is_alive = daemon.is_running()
    if not is_alive:
        daemon.start()
    deadline = time.monotonic() + LIMIT_S
    while "last" not in ledger.acknowledged and time.monotonic() < deadline:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            send(daemon, "last", ledger)
    assert "last" in ledger.acknowledged, "it takes no mail although the fault is over"
    with open(f"{daemon.home.directory('carol')}/ready", "wb"):
        pass
    wanted = set(ledger.acknowledged)
    while wanted - delivered(daemon.home) and time.monotonic() < deadline:
        daemon.signal(signal.SIGALRM)
        time.sleep(0.2)
    daemon.stop()
    missing = wanted - delivered(daemon.home) - set(identities(queued(daemon.home.path)))
    with open(trace, encoding="latin-1") as stream:
        injected = sum("(INJECTED" in line for line in stream)
    return Finding(len(wanted), injected, sorted(missing), is_alive)


def delivered(home: Home) -> set[str]:
    """Everything in the mailboxes."""
    return set(identities([*home.messages("alice"), *home.messages("carol")]))


def main(cases: list[str]) -> int:
    """Run cases one after the other; 1 if anything was lost."""
    is_bad = False
    for case in cases or CASES:
        directory = tempfile.mkdtemp(prefix="qmtwist-inject-", dir="/tmp")
        os.chmod(directory, 0o755)
        finding = inject(directory, case)
        is_bad |= bool(finding.missing) or not finding.is_alive
        print(f"{case}: {finding}", flush=True)
        if finding.missing:
            print(f"    MISSING (everything is kept in {directory}): {' '.join(finding.missing)}")
        else:
            shutil.rmtree(directory)
    return int(is_bad)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
