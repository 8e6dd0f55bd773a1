"""What processes cost, read from /proc: CPU and memory of a daemon with all its descendants."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from types import FrameType
from typing import NamedTuple

TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


class Stat(NamedTuple):
    """One line of /proc/PID/stat: parent, and CPU of the process with its finished children, in milliseconds."""

    parent: int
    cpu_ms: float


def read_stat(pid: int) -> Stat | None:
    """None: it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as stream:
            fields = stream.read().rpartition(")")[2].split()
    except OSError:
        return None
    # proc(5): ppid is field 4, utime stime cutime cstime are 14 to 17; the list begins with field 3.
    return Stat(int(fields[1]), sum(map(int, fields[11:15])) * TICK_MS)


def tree(root: int) -> dict[int, Stat]:
    """A process and its living descendants."""
    stats = {int(name): read_stat(int(name)) for name in os.listdir("/proc") if name.isdigit()}
    children: dict[int, list[int]] = {}
    for pid, stat in stats.items():
        if stat is not None:
            children.setdefault(stat.parent, []).append(pid)
    found: dict[int, Stat] = {}
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        stat = stats.get(pid)
        if stat is not None:
            found[pid] = stat
            waiting += children.get(pid, [])
    return found


def cpu_ms(root: int) -> float:
    """CPU used so far by a process, its descendants and their finished children (user and system)."""
    return sum(stat.cpu_ms for stat in tree(root).values())


def proportional_kb(root: int) -> int:
    """Proportional set size of the whole tree: shared pages are counted once in all."""
    total = 0
    for pid in tree(root):
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="latin-1") as stream:
                total += next((int(line.split()[1]) for line in stream if line.startswith("Pss:")), 0)
        except OSError:
            continue  # it has just ended, or it is not ours to look at
    return total


def holders(descriptor: int) -> list[str]:
    """The other processes that have the same pipe open: `PID COMMAND LINE`."""
    wanted = os.readlink(f"/proc/self/fd/{descriptor}")
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            directory = f"/proc/{name}/fd"
            if any(os.readlink(f"{directory}/{entry}") == wanted for entry in os.listdir(directory)):
                with open(f"/proc/{name}/cmdline", encoding="latin-1") as stream:
                    found.append(f"{name} {stream.read().replace(chr(0), ' ')}")
    return found


def end_in_order() -> None:
    """Let the first TERM end this program as Ctrl-C does, so that what it began is undone; ignore the rest."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        for ignored in (signal.SIGTERM, signal.SIGINT):
            signal.signal(ignored, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, interrupt)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let TERM and INT wait while a process is started: one that nobody knows yet would be left behind."""
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        signal.signal(number, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        for known, action in before.items():
            signal.signal(known, action)
        for number in came[:1]:
            signal.raise_signal(number)


def kill_all(pids: list[int], limit_s: float = 10.0) -> None:
    """kill -9 these processes, in this order, and wait until they are gone or wait for their parents to notice."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_until_gone(pids, limit_s)


def wait_until_gone(pids: list[int], limit_s: float) -> list[int]:
    """Wait until these processes have ended (a zombie has); those that have not after `limit_s`."""
    deadline = time.monotonic() + limit_s
    while (left := [pid for pid in pids if is_running(pid)]) and time.monotonic() < deadline:
        time.sleep(0.01)
    return left


def is_running(pid: int) -> bool:
    """Whether a process exists and is more than a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as stream:
            return stream.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
