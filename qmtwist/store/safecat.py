"""Writes a stream into a file that appears whole: in one directory, synced, then linked into another. (safecat(1))

States as in `maildir`, of which this is the general case; the directories are any two of one file system.
"""

from __future__ import annotations

import os
import stat
import time

from qmtwist.mail.errors import suppress
from qmtwist.mail.shapes import Callable

from . import durable
from .maildir import host_part
from .refusal import Refused, refusing

ATTEMPTS = 5
PAUSE_S = 2.0
_PIECE_BYTES = 128 * 1024
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def make_name(now_ns: int) -> bytes:
    """A file name of time, process and host: `1795238029.M123456P4242.mail`."""
    seconds, rest = divmod(now_ns, 1_000_000_000)
    return b"%d.M%dP%d.%s" % (seconds, rest // 1000, os.getpid(), host_part())


def keep(
    source: int,
    temporary: bytes,
    destination: bytes,
    clock_ns: Callable[[], int] = time.time_ns,
    pause: Callable[[float], None] = time.sleep,
) -> bytes:
    """Write what comes from a descriptor, to its end, durably into a new file; its name in `destination`.

    A name that is taken is given up for another one, at most five times, two seconds apart.
    :raises Refused: nothing is in `destination`; or, only if syncing it failed, a whole file that may not last.
    """
    _check(temporary)
    _check(destination)
    attempts = _Attempts(clock_ns, pause)
    name, descriptor = _create(temporary, attempts)
    path = temporary + b"/" + name
    try:
        try:
            _copy(source, descriptor)
            with refusing(b"can't fsync/close output file"):
                os.fsync(descriptor)
        finally:
            with refusing(b"can't fsync/close output file"):
                os.close(descriptor)
        name = _link(path, destination, name, attempts)
        with refusing(b"can't fsync directory"):
            durable.sync_directory(os.fsdecode(destination))
    finally:
        with suppress(OSError):  # whoever reads there removes what is older than 36 hours
            os.unlink(path)
    return name


def _check(directory: bytes) -> None:
    with refusing(b"could not stat directory"):
        status = os.stat(directory)
    if not stat.S_ISDIR(status.st_mode):
        raise Refused(b"not a directory")


class _Attempts:
    """One name after the other, with pauses between them."""

    def __init__(self, clock_ns: Callable[[], int], pause: Callable[[float], None]) -> None:
        self._clock_ns, self._pause = clock_ns, pause
        self._left = ATTEMPTS

    def next_name(self, why_again: OSError | None = None) -> bytes:
        """The next name.

        :raises OSError: `why_again`, if these were enough.
        """
        self._left -= 1
        if why_again is not None:
            if self._left < 0:
                raise why_again
            self._pause(PAUSE_S)
        return make_name(self._clock_ns())


def _create(directory: bytes, attempts: _Attempts) -> tuple[bytes, int]:
    name = attempts.next_name()
    with refusing(b"couldn't create output file"):
        while True:
            try:
                return name, os.open(directory + b"/" + name, _CREATE, 0o644)
            except FileExistsError as error:
                name = attempts.next_name(error)


def _copy(source: int, descriptor: int) -> None:
    while True:
        with refusing(b"can't read input"):
            piece = os.read(source, _PIECE_BYTES)
        if not piece:
            return
        with refusing(b"can't write output file"):
            durable.write_all(descriptor, piece)


def _link(path: bytes, destination: bytes, name: bytes, attempts: _Attempts) -> bytes:
    """Publish the file; the name that was free."""
    with refusing(b"can't link output file"):
        while True:
            try:
                os.link(path, destination + b"/" + name)
                return name
            except FileExistsError as error:
                name = attempts.next_name(error)
