"""Append a message to an mbox file, under lock. (mbox(5), qmail-local(8))

Not crash-safe as a maildir is: a power cut in the middle can leave the beginning of a message at the end of the file.
It was then not reported as delivered and comes again.
"""

from __future__ import annotations

import os
import stat

from qmtwist.mail.errors import Temporary, suppress
from qmtwist.mail.reasons import reason
from qmtwist.mail.shapes import Callable, Iterable
from qmtwist.rules.mboxquote import quoted

from . import durable
from .lock import Locked, is_current, lock_mailbox

LOCK_LIMIT_S = 30.0
# Not blocking: a FIFO without a reader is an error at once, not a delivery that never ends.
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC


def append(
    path: bytes,
    shown: bytes,
    head: bytes,
    pieces: Iterable[bytes],
    lock: Callable[[int, float], bool] = lock_mailbox,
) -> None:
    """Add one message: `head` (the From line and the fields on top) as it is, the message quoted, and an empty line.

    Synced, with its directory when the file was empty and so perhaps new. `shown` is the file's name in reports.

    :raises Temporary: with the report; the file is as long as before if that could be arranged.
    """
    descriptor, is_locked = _open_locked(path, shown, lock)
    try:
        _write(descriptor, path, shown, head, pieces, is_locked)
    finally:
        with suppress(OSError):  # the file was synced: nothing is left that closing could lose
            os.close(descriptor)


def _open_locked(path: bytes, shown: bytes, lock: Callable[[int, float], bool]) -> tuple[int, bool]:
    """The file that has this name once it is locked, and whether there are locks.

    :raises Temporary: with the report.
    """
    while True:
        descriptor = -1
        try:
            descriptor = os.open(path, _FLAGS, 0o600)
            is_locked = lock(descriptor, LOCK_LIMIT_S)
            if is_current(descriptor, path):
                return descriptor, is_locked
            os.close(descriptor)  # it was replaced while we waited
        except BaseException as error:
            if descriptor >= 0:
                with suppress(OSError):
                    os.close(descriptor)
            if isinstance(error, Locked):
                raise Temporary("File has been locked for 30 seconds straight. (#4.3.0)", "4.3.0")
            if isinstance(error, OSError):
                raise _refusal(b"Unable to open %s: %s. (#4.2.1)", shown, error) from error
            raise


def _write(descriptor: int, path: bytes, shown: bytes, head: bytes, pieces: Iterable[bytes], is_locked: bool) -> None:
    old_bytes: int | None = None
    try:
        status = os.fstat(descriptor)
        old_bytes = status.st_size if stat.S_ISREG(status.st_mode) else None
        durable.write_all(descriptor, head)
        for piece in quoted(pieces):
            durable.write_all(descriptor, piece)
        durable.write_all(descriptor, b"\n")
        os.fsync(descriptor)
        if old_bytes == 0:
            durable.sync_directory(os.path.dirname(os.fsdecode(os.path.realpath(path))))
    except BaseException as error:
        if is_locked and old_bytes is not None:
            with suppress(OSError):
                os.ftruncate(descriptor, old_bytes)
        if isinstance(error, OSError):
            raise _refusal(b"Unable to write %s: %s. (#4.3.0)", shown, error) from error
        raise


def _refusal(text: bytes, shown: bytes, error: OSError) -> Temporary:
    return Temporary((text % (shown, reason(error))).decode("utf-8", "surrogateescape"))
