"""Load from Postfix's smtp-source, and the watch over what arrives."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from typing import NamedTuple

from bench.peers import Peer
from tests.support.processes import cpu_ms

MESSAGE_BYTES = 4096
DEADLINE_S = 300.0


class Load(NamedTuple):
    """How the messages come: sessions at once, messages in all, and whether a connection is used more than once."""

    sessions: int
    messages: int
    is_kept: bool = True

    @property
    def title(self) -> str:
        """For the table."""
        return f"{self.sessions} sessions" + ("" if self.is_kept else ", one message each")


class Result(NamedTuple):
    """One run: rates in messages a second, own CPU in milliseconds a message."""

    end_to_end: float
    accepted: float
    cpu_ms: float


def smtp_source() -> str:
    """Where the load generator is.

    :raises SystemExit: it is not installed.
    """
    found = shutil.which("smtp-source", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if not found:
        raise SystemExit("bench: smtp-source is needed (package postfix; the service need not run)")
    return found


def send(peer: Peer, load: Load, recipient: str = "") -> None:
    """Send everything, to the peer's mailbox or another address; returns when the last message is accepted."""
    command = [smtp_source(), "-s", str(load.sessions), "-m", str(load.messages), "-l", str(MESSAGE_BYTES)]
    command += ["-d"] if load.is_kept else []
    command += ["-f", "sender@sender.example", "-t", recipient or peer.recipient, f"inet:127.0.0.1:{peer.port}"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def arrivals(maildir: str) -> list[str]:
    """The messages in new/; none if there is no maildir yet."""
    try:
        return os.listdir(f"{maildir}/new")
    except FileNotFoundError:
        return []


def wait_for(maildir: str, count: int) -> float:
    """Wait for `count` messages; the POSIX time when the last one was put into new/.

    The inode's change time is that of the link or rename, so a slow look costs no accuracy.
    :raises TimeoutError: they did not arrive.
    """
    deadline = time.monotonic() + DEADLINE_S
    while len(arrivals(maildir)) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(arrivals(maildir))} of {count} messages arrived in {DEADLINE_S:.0f} s")
        time.sleep(0.02)
    return max(os.stat(f"{maildir}/new/{name}").st_ctime for name in arrivals(maildir))


def empty(maildir: str) -> None:
    """Remove what arrived."""
    for name in arrivals(maildir):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{maildir}/new/{name}")
    os.sync()


def settle(peer: Peer, limit_s: float = 15.0) -> None:
    """Wait until the server rests: what it does after the last delivery belongs to the run before."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        before = cpu_ms(peer.pid)
        time.sleep(0.3)
        if cpu_ms(peer.pid) - before <= 10:
            return


def measure(peer: Peer, load: Load) -> Result:
    """One run against an empty Maildir, from the first connection to the last file in new/."""
    empty(peer.maildir)
    settle(peer)
    cpu = cpu_ms(peer.pid)
    started = time.time()
    send(peer, load)
    accepted = time.time()
    ended = wait_for(peer.maildir, load.messages)
    settle(peer)
    spent = cpu_ms(peer.pid) - cpu
    return Result(load.messages / (ended - started), load.messages / (accepted - started), spent / load.messages)
