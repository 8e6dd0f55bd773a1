"""supervise: keep one program running, and do with it what the control pipe says. (djb supervise)

Made for one directory, the current one, and living as long as the service is wanted there. Its files are those of
daemontools, byte for byte, so that either's svc and svstat work with either's supervise.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import time

from qmtwist.agents.pathexec import IGNORED
from qmtwist.mail.errors import suppress
from qmtwist.mail.reasons import reason
from qmtwist.mail.shapes import Callable
from qmtwist.store.signals import signal
from qmtwist.wire.servicestatus import ServiceStatus

from . import supervised

RUN = b"./run"
_BETWEEN_STARTS_S = 1.0
_NO_PROCESS_S = 60.0
_POLL_LIMIT_S = 3600.0
_SIGNALS = {
    b"p": signal.SIGSTOP, b"c": signal.SIGCONT, b"h": signal.SIGHUP, b"a": signal.SIGALRM, b"i": signal.SIGINT,
    b"t": signal.SIGTERM, b"k": signal.SIGKILL,
}  # fmt: skip


def take_lock() -> int:
    """Make the directory `supervise` and be the only one in it.

    :raises OSError: EAGAIN: another supervisor runs; or the system refuses.
    """
    with suppress(OSError):
        os.mkdir("supervise", 0o700)
    lock = os.open(supervised.LOCK, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return lock


class Supervisor:
    """The service of the current directory, which is locked. `warn` says what went wrong; the service goes on."""

    def __init__(self, is_wanted_up: bool, warn: Callable[[bytes], None], name: bytes) -> None:
        """:raises OSError: the pipes cannot be made."""
        self._warn, self._name = warn, name
        self._want = b"u" if is_wanted_up else b"d"
        self._pid, self._is_paused, self._must_exit = 0, False, False
        self._since_ns = time.time_ns()
        self._earliest = 0.0  # on the monotonic clock: the next start
        self._is_due = is_wanted_up
        self._alarm, wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        self._control = supervised.make_pipe(supervised.CONTROL)
        # A writer that never leaves, or the pipe would be at its end whenever nobody else writes
        self._keeper = os.open(supervised.CONTROL, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self._announce()
        self._ok = supervised.make_pipe(supervised.OK)
        self._poll = select.poll()
        for descriptor in (self._alarm, self._control):
            self._poll.register(descriptor, select.POLLIN)

    def run(self) -> None:
        """Until the service is down and was told to `x`."""
        while True:
            self._reap()
            if self._must_exit and not self._pid and not self._is_due:
                return
            self._start_if_due()
            self._poll.poll(min(self._wait_s(), _POLL_LIMIT_S) * 1000 if self._is_due else _POLL_LIMIT_S * 1000)
            with suppress(BlockingIOError):
                os.read(self._alarm, 64)
            # What ended before an order came is seen before the order is obeyed
            self._reap()
            with suppress(BlockingIOError):
                for letter in os.read(self._control, 64):
                    self._obey(bytes((letter,)))

    def _wait_s(self) -> float:
        return max(0.0, self._earliest - time.monotonic())

    def _start_if_due(self) -> None:
        """Start ./run, at most once a second."""
        if not self._is_due or self._wait_s() > 0:
            return
        self._is_due = False
        wait_s = _BETWEEN_STARTS_S
        try:
            self._pid = os.posix_spawn(RUN, [RUN], os.environb, setsigdef=[*IGNORED, signal.SIGCHLD])
        except OSError as error:
            self._is_due = True
            if error.errno in (errno.EAGAIN, errno.ENOMEM):
                self._warn(b"warning: unable to fork for %s, sleeping 60 seconds: %s" % (self._name, reason(error)))
                wait_s = _NO_PROCESS_S
            else:
                self._is_due = self._want == b"u" and not self._must_exit
                self._warn(b"fatal: unable to start %s/run: %s" % (self._name, reason(error)))
        else:
            self._is_paused = False
            self._change()
        self._earliest = time.monotonic() + wait_s

    def _reap(self) -> None:
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if pid == self._pid:
                self._pid = 0
                self._is_due = self._want == b"u" and not self._must_exit
                self._change()

    def _obey(self, letter: bytes) -> None:
        if letter in (b"u", b"d", b"o"):
            self._want = b"\0" if letter == b"o" else letter
            self._is_due = letter != b"d" and not self._pid
            self._start_if_due()
            if letter == b"d":
                self._signal(signal.SIGTERM)
                self._signal(signal.SIGCONT)
                self._is_paused = False
        elif letter in (b"p", b"c"):
            self._is_paused = letter == b"p"
        elif letter == b"x":
            self._must_exit = True
        if letter in _SIGNALS:
            self._signal(_SIGNALS[letter])
        self._announce()

    def _signal(self, number: int) -> None:
        if self._pid:
            with suppress(OSError):
                os.kill(self._pid, number)

    def _change(self) -> None:
        self._since_ns = time.time_ns()
        self._announce()

    def _announce(self) -> None:
        try:
            supervised.announce(ServiceStatus(self._since_ns, self._pid, self._is_paused, self._want))
        except OSError as error:
            self._warn(b"warning: unable to write %s/supervise/status: %s" % (self._name, reason(error)))
