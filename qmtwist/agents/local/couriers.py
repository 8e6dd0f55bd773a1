"""Remote agents that the daemon, which has given up root by now, asks us to start again: they must become qmailr."""

from __future__ import annotations

import fcntl
import os

from qmtwist.mail.errors import Malformed, suppress
from qmtwist.store.signals import signal

LIMIT = 64  # at a time, as control/remoteagents allows
WORDS = frozenset({b"--agent", b"--programs"})
_FIRST_FREE = 10  # above what the program is started with


class Couriers:
    """Those that run. Made by the agent, which calls `reaped` for each child that ends.

    The daemon chooses nothing but the socket: program, words and environment are fixed.
    """

    def __init__(self, home: str) -> None:
        self._program = os.path.join(home, "bin", "qmail-rspawn")
        self._pids: set[int] = set()

    def start(self, payload: bytes, descriptor: int | None) -> None:
        """Run HOME/bin/qmail-rspawn with these words (NUL-ended) and this socket, which is closed here in any case.

        A program that does not start closes it, too: the daemon hears that and tries again later.

        :raises Malformed: words that it does not have.
        """
        if descriptor is None:
            return
        try:
            words = payload.split(b"\0")[:-1]
            if not WORDS.issuperset(words):
                raise Malformed(f"unknown words {words!r} for qmail-rspawn")
            if len(self._pids) < LIMIT:
                with suppress(OSError):
                    self._pids.add(self._spawn(words, descriptor))
        finally:
            os.close(descriptor)

    def _spawn(self, words: list[bytes], descriptor: int) -> int:
        channel = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE)
        try:
            return os.posix_spawn(
                self._program,
                [b"qmail-rspawn", *words],
                os.environb,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0),
                    (os.POSIX_SPAWN_DUP2, channel, 3),
                ],
                setsigdef=[signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, signal.SIGHUP, signal.SIGTERM],
            )
        finally:
            os.close(channel)

    def reaped(self, pid: int) -> bool:
        """A child has ended; whether it was one of these."""
        if pid not in self._pids:
            return False
        self._pids.remove(pid)
        return True

    def end(self) -> None:
        """They take too long."""
        for pid in self._pids:
            with suppress(OSError):
                os.kill(pid, signal.SIGTERM)
