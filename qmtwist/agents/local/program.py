"""Run a user's command for a delivery and read its exit code. (qmail-command(8))"""

from __future__ import annotations

import os
import time

from qmtwist.mail.errors import suppress
from qmtwist.mail.reasons import reason
from qmtwist.mail.shapes import Callable, Mapping, NamedTuple, NoReturn
from qmtwist.rules.plainwords import plain_words
from qmtwist.store.signals import signal

SHELL = b"/bin/sh"
FAILURES = frozenset((64, 65, 70, 76, 77, 78, 100, 112))
CRASHED = b"Aack, child crashed. (#4.3.0)"
STOPPED = b"Delivery was stopped and will be tried again. (#4.3.0)"
PROGRAM_LIMIT_S = 86400  # unless control/programtimeout says otherwise
_POLL_S = 0.05
_OBEY_S = 5.0
_POLL_LIMIT_S = 86400  # poll counts milliseconds in an int

Inside = Callable[[list[bytes], Mapping[bytes, bytes]], "Callable[[], NoReturn] | None"]
"""Asked in the child, when all but its environment is as a command is to have it, with words that mean the same without
a shell, and the environment: what carries them out in this process, or None if that takes a process of their own.
"""


class Ran(NamedTuple):
    """How a command ended: `code` 0 go on, 99 go on with nothing below, 100 failure, 111 deferral; `text` is ours to
    report, without line end, and empty when the command has spoken for itself.
    """

    code: int
    text: bytes


def verdict(code: int) -> int:
    """The meaning of a command's exit code: 0, 99, 100 (permanent) or 111 (temporary). (qmail-command(8))

    >>> [verdict(code) for code in (0, 99, 64, 67, 255)]
    [0, 99, 100, 111, 111]
    """
    if code in (0, 99):
        return code
    return 100 if code in FAILURES else 111


class Programs:
    """Runs one command at a time, each in a session of its own. Made once by a process that delivers.

    Signal handlers may call `stop` at any moment. The process must not reap: `run` waits for its child itself.
    """

    def __init__(self, inside: Inside | None = None) -> None:
        """`inside` knows the programs that need no process of their own; without it the shell runs everything."""
        self._inside = inside
        self._running = 0
        self._is_stopped = False

    def run(
        self,
        command: bytes,
        home: bytes,
        environ: Mapping[bytes, bytes],
        message: int,
        out: int,
        err: int,
        limit_s: float | None,
    ) -> Ran:
        """Run a command as `/bin/sh -c` does, in `home`: `message` is descriptor 0 there, `out` and `err` 1 and 2.

        After `limit_s` seconds (None: never) its whole process group is killed and the delivery is deferred.
        """
        if self._is_stopped:
            return Ran(111, STOPPED)
        try:
            self._running = pid = os.fork()
        except OSError as error:
            return Ran(111, b"Unable to fork: %s. (#4.3.0)" % reason(error))
        if not pid:
            _become(command, home, environ, (message, out, err), self._inside)
        try:
            if self._is_stopped:  # the signal came while the child was made
                _kill(pid)
            status = os.waitpid(pid, 0)[1] if limit_s is None else _wait(pid, limit_s)
        except BaseException:  # a signal handler of the caller's that raises: nothing may go on behind its back
            _kill(pid)
            raise
        finally:
            self._running = 0
        if status is None:
            return Ran(111, b"Program was stopped after %d seconds. (#4.3.0)" % (limit_s or 0))
        if os.WIFSIGNALED(status):
            return Ran(111, STOPPED if self._is_stopped else CRASHED)
        return Ran(verdict(os.WEXITSTATUS(status)), b"")

    def stop(self) -> None:
        """Kill the command that is running, and run no more."""
        self._is_stopped = True
        if self._running:
            _kill(self._running)


def _wait(pid: int, limit_s: float) -> int | None:
    """The wait status, or None when the time was over and the group was killed."""
    deadline = time.monotonic() + limit_s
    _sleep_until_exit(pid, deadline)
    done, status = os.waitpid(pid, os.WNOHANG)
    if done:
        return status
    _kill(pid)
    # What another user owns cannot be killed; the delivery ends all the same, and the child is reaped if it obeys.
    _sleep_until_exit(pid, time.monotonic() + _OBEY_S)
    os.waitpid(pid, os.WNOHANG)
    return None


def _sleep_until_exit(pid: int, deadline: float) -> None:
    """Until the child has ended (it is not reaped) or the time is over."""
    import select

    try:
        handle = os.pidfd_open(pid)
    except OSError:  # an old kernel
        while time.monotonic() < deadline and os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            time.sleep(_POLL_S)
        return
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        while (left := deadline - time.monotonic()) > 0 and not poll.poll(min(left, _POLL_LIMIT_S) * 1000):
            pass
    finally:
        os.close(handle)


def _kill(pid: int) -> None:
    """The process group of a child, or the child alone while it has not made its group yet."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except OSError:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def _become(
    command: bytes,
    home: bytes,
    environ: Mapping[bytes, bytes],
    descriptors: tuple[int, int, int],
    inside: Inside | None,
) -> NoReturn:
    """The child: the user's shell with the message, the report, and nothing else of ours; or what it would run."""
    try:
        os.setsid()
        os.umask(0o077)
        _arrange(descriptors)
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        try:
            os.chdir(home)
        except OSError as error:
            _leave(b"Unable to switch to %s: %s. (#4.3.0)\n" % (home, reason(error)))
        if inside is not None and (words := plain_words(command)) and (work := inside(words, environ)) is not None:
            work()
        try:
            os.execve(SHELL, [SHELL, b"-c", command], dict(environ))
        except OSError as error:
            _leave(b"Unable to run /bin/sh: %s. (#4.3.0)\n" % reason(error))
    except BaseException:
        os._exit(111)


def _leave(text: bytes) -> NoReturn:
    os.write(2, text)
    os._exit(111)


def _arrange(descriptors: tuple[int, int, int]) -> None:
    """Descriptors 0, 1, 2 from whatever numbers they have, and all others closed."""
    import fcntl

    high = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3) for descriptor in descriptors]
    for target, descriptor in enumerate(high):
        os.dup2(descriptor, target)
    os.closerange(3, 65536)
