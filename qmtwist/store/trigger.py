"""lock/trigger: how a program that queued a message wakes the queue manager.

The reader keeps a write end open as well, so the fifo never reports an end of file and the reader never spins. A pull
that comes while a scan of todo/ runs stays in the fifo and wakes the reader again: read first (`hear`), then scan.
"""

from __future__ import annotations

import os
import stat

from qmtwist.mail.errors import suppress

MODE = 0o622
"""Everybody may pull; the queue manager reads."""


def pull(path: str) -> bool:
    """Wake the queue manager; whether it could be told. Without one the mail waits for its next start."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            # Never write into something else that lies there under this name.
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                os.write(descriptor, b"\0")
                return True
        finally:
            os.close(descriptor)
    return False


def ensure(path: str) -> str | None:
    """Make the fifo if there is none; a complaint for the log if what is there cannot work, else None.

    What others put there is never removed.
    """
    with suppress(FileExistsError):
        os.mkfifo(path, MODE)
        os.chmod(path, MODE)
    mode = os.stat(path).st_mode
    if not stat.S_ISFIFO(mode):
        return f"{path} is not a fifo: programs that queue mail cannot wake the queue manager"
    if mode & MODE != MODE:
        found = stat.S_IMODE(mode)
        return f"{path} has mode {found:04o} instead of {MODE:04o}: some programs cannot wake the queue manager"
    return None


class Trigger:
    """The listening end. Made by the queue manager at start, closed at its end."""

    def __init__(self, path: str) -> None:
        """:raises OSError: it cannot be opened, or is no fifo."""
        self._reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISFIFO(os.fstat(self._reader).st_mode):
                raise OSError(f"{path} is not a fifo")
            self._writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            os.close(self._reader)
            raise

    def fileno(self) -> int:
        """For select and reactors: readable when somebody pulled."""
        return self._reader

    def hear(self) -> bool:
        """Take all pulls that have come; whether there were any. Never waits."""
        heard = False
        with suppress(BlockingIOError):
            while os.read(self._reader, 4096):
                heard = True
        return heard

    def close(self) -> None:
        """Stop listening; a later pull finds nobody."""
        os.close(self._writer)
        os.close(self._reader)
