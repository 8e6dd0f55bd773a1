"""Moves what is in a maildir to the end of an mbox file. (maildir2mbox(1))

States: X1 the mbox as it was, perhaps with an unfinished copy beside it; X2 the copy, complete and synced, has taken
its name; X3 that is durable; X4 the messages are gone from the maildir. A cut before X3 leaves the mbox old or new,
and every message in the maildir; between X3 and X4 some messages are in both and will be moved once more. None is
lost in any state.

The mbox is locked throughout. It becomes another file, so who has waited for its lock must look whether the name still
belongs to the file (`lock.is_current`), as qmail-local does.
"""

from __future__ import annotations

import os
import stat

from qmtwist.mail.errors import suppress
from qmtwist.mail.reasons import reason
from qmtwist.mail.shapes import Callable, Iterator
from qmtwist.rules.mboxquote import from_line, maildir_sender, quoted

from . import durable
from .lock import Locked, open_locked
from .maildirlook import open_here
from .maildrop import Maildrop
from .refusal import Refused, refusing

LOCK_LIMIT_S = 30.0
_PIECE_BYTES = 128 * 1024
_OPEN = os.O_RDWR | os.O_APPEND | os.O_NONBLOCK
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def move(maildir: bytes, mbox: bytes, temporary: bytes, now: int, warn: Callable[[bytes], None]) -> None:
    """Move all messages that are older than `now` (POSIX seconds), and change to the maildir to do so.

    `mbox`, and `temporary` on the same file system, are relative to the maildir. `warn` is told, in a sentence, of
    every message that is in the mbox and could not be removed from the maildir.
    :raises Refused: every message is in the maildir still; the mbox is as it was, or complete but not known to be safe.
    """
    with refusing(b"unable to chdir to " + maildir):
        os.chdir(maildir)
    with _Opened(open_here(now)) as drop:
        if not drop.messages:
            return
    target = os.path.realpath(mbox)  # a symbolic link stays one
    with _Locked(target, _OPEN | os.O_CREAT, mbox) as old, _Opened(open_here(now)) as drop:
        # listed once more: who had the lock before us may have moved the same messages
        if not drop.messages:
            return
        _check(old, mbox, temporary)
        with _Removed(temporary):
            copied = _write_copy(old, mbox, temporary, drop)
            # the next one who wants the lock will want it of the new file, and shall wait until the maildir is empty
            with _Locked(temporary, _OPEN, temporary):
                _rename(temporary, target, mbox)
                _remove(drop, copied, warn)


class _Opened:
    """A maildir, for a while."""

    def __init__(self, drop: Maildrop) -> None:
        self._drop = drop

    def __enter__(self) -> Maildrop:
        return self._drop

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # only its directory was open
            self._drop.close()


class _Locked:
    """A mailbox file opened and locked, for a while; Refused if it cannot be."""

    def __init__(self, path: bytes, flags: int, shown: bytes) -> None:
        with refusing(b"unable to lock " + shown):
            try:
                self._descriptor = open_locked(path, flags, LOCK_LIMIT_S)
            except Locked:
                raise Refused(b"unable to lock %s: somebody else has locked it for 30 seconds" % shown)

    def __enter__(self) -> int:
        return self._descriptor

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # nothing was written to it
            os.close(self._descriptor)


class _Removed:
    """A file that is removed if something goes wrong while it still has this name."""

    def __init__(self, path: bytes) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            with suppress(OSError):
                os.unlink(self._path)


def _rename(temporary: bytes, target: bytes, mbox: bytes) -> None:
    """X1 to X3."""
    with refusing(b"unable to move %s to %s" % (temporary, mbox)):
        os.rename(temporary, target)
        durable.sync_directory(os.path.dirname(os.fsdecode(target)))


def _remove(drop: Maildrop, copied: list[int], warn: Callable[[bytes], None]) -> None:
    """X3 to X4."""
    for index in copied:
        try:
            drop.remove(index)
        except OSError as error:
            path = drop.messages[index].path
            warn(b"$MAILDIR/%s will be delivered twice; unable to unlink: %s" % (path, reason(error)))


def _check(old: int, mbox: bytes, temporary: bytes) -> None:
    with refusing(b"unable to read " + mbox):
        status = os.fstat(old)
    if not stat.S_ISREG(status.st_mode):
        raise Refused(b"%s is not a regular file" % mbox)
    with suppress(OSError):  # it need not exist
        other = os.stat(temporary)
        if (other.st_dev, other.st_ino) == (status.st_dev, status.st_ino):
            raise Refused(b"MAILTMP is the same file as MAIL")


def _write_copy(old: int, mbox: bytes, temporary: bytes, drop: Maildrop) -> list[int]:
    """What the mbox is to be: made, synced and closed under the name `temporary`. Which of the messages are in it."""
    with refusing(b"unable to create " + temporary):
        durable.unlink_quietly(os.fsdecode(temporary))  # of a run that was cut short; the lock says that it is over
        new = os.open(temporary, _CREATE, 0o600)
    try:
        copied = _fill(new, old, mbox, temporary, drop)
        with refusing(b"unable to write to " + temporary):
            os.fsync(new)
    finally:
        with refusing(b"unable to write to " + temporary):
            os.close(new)
    return copied


def _fill(new: int, old: int, mbox: bytes, temporary: bytes, drop: Maildrop) -> list[int]:
    """Write the old mbox and the messages; which of them are still there."""

    def write(data: bytes) -> None:
        with refusing(b"unable to write to " + temporary):
            durable.write_all(new, data)

    with refusing(b"unable to write to " + temporary):
        _keep_owner(new, os.fstat(old))
    size_bytes, last = 0, b"\n"
    for piece in _pieces(old, b"unable to read " + mbox):
        write(piece)
        size_bytes += len(piece)
        last = piece[-1:]
    if last != b"\n":  # or the first line of a new message would be glued to it
        write(b"\n")
    copied = []
    for index in range(len(drop.messages)):
        try:
            descriptor = drop.open_message(index)
        except FileNotFoundError:  # deleted or on its way elsewhere: not ours any more
            continue
        except OSError as error:
            path = drop.messages[index].path
            raise Refused(b"unable to read $MAILDIR/%s: %s" % (path, reason(error))) from error
        for piece in _message(descriptor, b"unable to read $MAILDIR/" + drop.messages[index].path):
            write(piece)
        copied.append(index)
    # whoever writes to the mbox in spite of the lock must not lose by it
    with refusing(b"unable to read " + mbox):
        if os.fstat(old).st_size != size_bytes:
            raise Refused(b"%s has changed although it was locked" % mbox)
    return copied


def _keep_owner(new: int, status: os.stat_result) -> None:
    """Root may move somebody else's mail; the mbox stays theirs."""
    if os.geteuid() == 0:
        os.fchown(new, status.st_uid, status.st_gid)


def _message(descriptor: int, what: bytes) -> Iterator[bytes]:
    """One message as it stands in an mbox, with its From_ line and the empty line behind it. It is closed."""
    try:
        with refusing(what):
            changed = int(os.fstat(descriptor).st_mtime)
        pieces = _pieces(descriptor, what)
        first = next(pieces, b"")
        yield from_line(maildir_sender(first), changed)
        yield from quoted(_chain(first, pieces))
        yield b"\n"
    finally:
        with suppress(OSError):
            os.close(descriptor)


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _pieces(descriptor: int, what: bytes) -> Iterator[bytes]:
    """The file from its first byte."""
    position = 0
    while True:
        with refusing(what):
            piece = os.pread(descriptor, _PIECE_BYTES, position)
        if not piece:
            return
        position += len(piece)
        yield piece
