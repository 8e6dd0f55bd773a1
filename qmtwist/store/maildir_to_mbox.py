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
_OPEN = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def move(maildir: bytes, mbox: bytes, temporary: bytes, now: int, warn: Callable[[bytes], None]) -> None:
    """Move all messages that are older than `now` (POSIX seconds), and change to the maildir to do so.

    `mbox`, and `temporary` on the same file system, are relative to the maildir. `warn` is told, in a sentence, of
    every message that is in the mbox and could not be removed from the maildir.
    :raises Refused: every message is in the maildir still; the mbox is as it was, or complete but not known to be safe.
    """
    with refusing(b"unable to chdir to " + maildir):
        os.chdir(maildir)
    drop = open_here(now)
    try:
        if drop.messages:
            _replace(mbox, temporary, drop)
        for index, message in enumerate(drop.messages):
            try:
                drop.remove(index)
            except OSError as error:
                warn(b"$MAILDIR/%s will be delivered twice; unable to unlink: %s" % (message.path, reason(error)))
    finally:
        drop.close()


def _replace(mbox: bytes, temporary: bytes, drop: Maildrop) -> None:
    """X1 to X3, under lock."""
    target = os.path.realpath(mbox)  # a symbolic link stays one
    with refusing(b"unable to lock " + mbox):
        try:
            old = open_locked(target, _OPEN, LOCK_LIMIT_S)
        except Locked:
            raise Refused(b"unable to lock %s: somebody else has locked it for 30 seconds" % mbox)
    try:
        _check(old, mbox, temporary)
        _write_copy(old, mbox, temporary, drop)
        with refusing(b"unable to move %s to %s" % (temporary, mbox)):
            try:
                os.rename(temporary, target)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary)
                raise
            durable.sync_directory(os.path.dirname(os.fsdecode(target)))
    finally:
        with suppress(OSError):  # nothing was written to it
            os.close(old)


def _check(old: int, mbox: bytes, temporary: bytes) -> None:
    with refusing(b"unable to read " + mbox):
        status = os.fstat(old)
    if not stat.S_ISREG(status.st_mode):
        raise Refused(b"%s is not a regular file" % mbox)
    with suppress(OSError):  # it need not exist
        other = os.stat(temporary)
        if (other.st_dev, other.st_ino) == (status.st_dev, status.st_ino):
            raise Refused(b"MAILTMP is the same file as MAIL")


def _write_copy(old: int, mbox: bytes, temporary: bytes, drop: Maildrop) -> None:
    """What the mbox is to be: made, synced and closed under the name `temporary`; removed again in trouble."""
    with refusing(b"unable to create " + temporary):
        durable.unlink_quietly(os.fsdecode(temporary))  # of a run that was cut short; the lock says that it is over
        new = os.open(temporary, _CREATE, 0o600)
    try:
        try:
            _fill(new, old, mbox, temporary, drop)
            with refusing(b"unable to write to " + temporary):
                os.fsync(new)
        finally:
            with refusing(b"unable to write to " + temporary):
                os.close(new)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _fill(new: int, old: int, mbox: bytes, temporary: bytes, drop: Maildrop) -> None:
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
    for index in range(len(drop.messages)):
        for piece in _message(drop, index):
            write(piece)
    # whoever writes to the mbox in spite of the lock must not lose by it
    with refusing(b"unable to read " + mbox):
        if os.fstat(old).st_size != size_bytes:
            raise Refused(b"%s has changed although it was locked" % mbox)


def _keep_owner(new: int, status: os.stat_result) -> None:
    """Root may move somebody else's mail; the mbox stays theirs."""
    if os.geteuid() == 0:
        os.fchown(new, status.st_uid, status.st_gid)


def _message(drop: Maildrop, index: int) -> Iterator[bytes]:
    """One message as it stands in an mbox, with its From_ line and the empty line behind it."""
    what = b"unable to read $MAILDIR/" + drop.messages[index].path
    with refusing(what):
        descriptor = drop.open_message(index)
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
