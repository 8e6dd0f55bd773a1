"""The disk verbs of a list: a file is replaced in one step, and stays readable for the list's owner."""

from __future__ import annotations

import fcntl
import os
from stat import S_IMODE

from qmtwist.mail.errors import Temporary, suppress
from qmtwist.mail.reasons import reason
from qmtwist.mail.shapes import NoReturn
from qmtwist.store.durable import read, sync_directory, write_all


class Lock:
    """`with Lock(path):` is alone with a part of a list."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1

    def __enter__(self) -> None:
        """:raises Temporary: the lock cannot be had."""
        try:
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        except OSError as error:
            self.__exit__()
            give_up(f"unable to lock {self._path}", error)

    def __exit__(self, *_: object) -> None:
        if self._descriptor >= 0:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = -1


def give_up(what: str, error: OSError) -> NoReturn:
    """:raises Temporary: always, with the system's reason."""
    raise Temporary(f"{what}: {reason(error).decode()}") from error


def rewrite(path: str, temporary: str, data: bytes, mode: int = 0o644) -> None:
    """Give a file a new content in one step; a mode that it has is kept, and `mode` goes through the umask.

    :raises OSError: the old content is still there.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, mode)
    try:
        with suppress(FileNotFoundError):
            os.fchmod(descriptor, S_IMODE(os.stat(path).st_mode))
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(temporary, path)
    sync_directory(os.path.dirname(path) or ".")


def read_if_there(path: str) -> bytes | None:
    """A whole file, or None.

    :raises OSError: there is one, and it cannot be read.
    """
    try:
        return read(path)
    except FileNotFoundError:
        return None
