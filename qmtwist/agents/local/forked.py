"""Children that are forked, each with a message on descriptor 0 and a pipe to us on 1 and 2."""

from __future__ import annotations

import os
import select
import time

from qmtwist.agents.children import Brood, Child
from qmtwist.agents.privileges import keep_only
from qmtwist.mail.errors import suppress
from qmtwist.mail.shapes import Callable, NoReturn
from qmtwist.rules import localreport
from qmtwist.store.signals import signal

_KEEP_BYTES = localreport.LIMIT + 1  # more is cut from a report anyway; the rest is read and dropped
_GRACE_S = 5.0

Ended = Callable[[int, int, bytes], None]
"""Called with the key, the exit status (negative: the signal) and the output."""


class Forked(Brood):
    """All children of one process, which it makes once: SIGCHLD is taken."""

    def __init__(self, ended: Ended) -> None:
        """`ended` is called from `wait`."""
        super().__init__(lambda key, status, output: ended(key, os.waitstatus_to_exitcode(status), output))

    def watch(self, descriptor: int) -> None:
        """Let `wait` tell when this is readable."""
        self._poll.register(descriptor, select.POLLIN)

    def unwatch(self, descriptor: int) -> None:
        """Never mind it any more."""
        self._poll.unregister(descriptor)

    def start(
        self,
        key: int,
        message: int,
        work: Callable[[], int],
        limit_s: float | None = None,
        keep_bytes: int = _KEEP_BYTES,
    ) -> None:
        """Fork; the child has `message` as its descriptor 0, is the leader of a session, and exits with what `work`
        returns. After `limit_s` seconds its process group is told to end. `message` stays the caller's to close.
        So much of its output is kept.

        :raises OSError: no pipe or no process is to be had.
        """
        pipe, far = os.pipe2(os.O_CLOEXEC)
        try:
            os.set_blocking(pipe, False)
            pid = os.fork()
            if not pid:
                _run(message, far, work)
        except OSError:
            os.close(pipe)
            raise
        finally:
            os.close(far)
        deadline = None if limit_s is None else time.monotonic() + limit_s
        self._adopt(Child(key, pid, pipe, keep_bytes, deadline))

    def wait(self, timeout_s: float | None = None) -> set[int]:
        """Wait until a child said something or ended, or a watched descriptor is readable; those that are."""
        ready = self._attend({descriptor for descriptor, _ in self._poll.poll(self._patience_ms(timeout_s))})
        if self._by_pipe:
            self._enforce_limits()
        return ready

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Send a signal to the process group of every child; those that do not end are killed a little later."""
        for child in self._by_pipe.values():
            _signal(child.pid, number)
            child.last_word, child.deadline = signal.SIGKILL, time.monotonic() + _GRACE_S

    def _patience_ms(self, timeout_s: float | None) -> float | None:
        deadlines = [child.deadline for child in self._by_pipe.values() if child.deadline is not None]
        if deadlines:
            left = max(0.0, min(deadlines) - time.monotonic()) + 0.001
            timeout_s = left if timeout_s is None else min(timeout_s, left)
        return None if timeout_s is None else timeout_s * 1000

    def _enforce_limits(self) -> None:
        """Whose time is over is told to end, and killed a little later."""
        now = time.monotonic()
        for child in self._by_pipe.values():
            if child.deadline is not None and child.deadline <= now:
                _signal(child.pid, child.last_word)
                child.last_word, child.deadline = signal.SIGKILL, now + _GRACE_S


def _signal(leader: int, number: int) -> None:
    """To a session, or to its leader alone while it has not made its session yet."""
    try:
        os.killpg(leader, number)
    except ProcessLookupError:
        with suppress(ProcessLookupError):
            os.kill(leader, number)


def _run(message: int, far: int, work: Callable[[], int]) -> NoReturn:
    """The child. Whatever goes wrong is temporary."""
    status = 111
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(message, 0)
        os.dup2(far, 1)
        os.dup2(far, 2)
        keep_only(set())
        status = work()
    except BaseException:
        # A bug. The sender is told nothing about our insides.
        with suppress(OSError):
            os.write(1, b"Temporary failure in qmail-lspawn.\n")
    finally:
        os._exit(status)
