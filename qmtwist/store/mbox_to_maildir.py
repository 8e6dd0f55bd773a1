"""Copies the messages of an mbox file into a maildir, all or none. (mbox2maildir(1))

States: Y1 all messages are in tmp/, synced, none published; Y2 all are in new/ or cur/, not yet durable; Y3 they are
durable; Y4, if that is wanted, the mbox is empty. A cut before Y3 leaves the mbox complete and perhaps some of the
messages in the maildir, which then come twice; nothing is taken from the mbox before Y3.
"""

from __future__ import annotations

import os
import stat

from qmtwist.mail.errors import Malformed, suppress
from qmtwist.mail.shapes import Iterator, NamedTuple
from qmtwist.rules.mboxread import Start, from_date, marks, read_mbox

from . import durable
from .lock import Locked, open_locked
from .maildir import Names
from .refusal import Refused, refusing

LOCK_LIMIT_S = 30.0
HEADER_BYTES = 1 << 20
_PIECE_BYTES = 128 * 1024
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class NoMbox(Refused):
    """The file is something else, and will be so next time too."""


class _Copy(NamedTuple):
    """A message: its file in tmp/, and its name to be in new/ or cur/."""

    source: bytes
    target: bytes


def copy(mbox: bytes, maildir: bytes, names: Names, now: int, is_emptying: bool = False) -> int:
    """Copy all messages, at POSIX second `now`; how many they were. The mbox is locked meanwhile.

    :raises NoMbox: it is none; nothing was done.
    :raises Refused: nothing is left in the maildir, as far as could be arranged; or, if the text says so, everything is
        in the maildir and the mbox was not emptied.
    """
    with refusing(b"unable to open maildir " + maildir):
        for part in (b"tmp", b"new", b"cur"):
            durable.sync_directory(os.fsdecode(maildir + b"/" + part))
    descriptor = _open(mbox, is_emptying)
    try:
        source = _Source(descriptor, mbox)
        copies = _Copies(maildir, names, min(now, source.changed), now)
        try:
            copies.fill(read_mbox(source.pieces()))
            copies.publish()
        except BaseException as error:
            copies.withdraw()
            if isinstance(error, Malformed):
                raise NoMbox(b"%s is not an mbox file: %s" % (mbox, error.text.encode())) from error
            raise
        copies.clean()
        if is_emptying:
            source.empty()
        return len(copies.made)
    finally:
        with suppress(OSError):
            os.close(descriptor)


def _open(mbox: bytes, is_emptying: bool) -> int:
    with refusing(b"unable to lock " + mbox):
        try:
            try:
                return open_locked(mbox, os.O_RDWR | os.O_NONBLOCK, LOCK_LIMIT_S)
            except PermissionError:
                if is_emptying:
                    raise
                return open_locked(mbox, os.O_RDONLY | os.O_NONBLOCK, LOCK_LIMIT_S)
        except Locked:
            raise Refused(b"unable to lock %s: somebody else has locked it for 30 seconds" % mbox)


class _Source:
    """The mbox, open and locked."""

    def __init__(self, descriptor: int, mbox: bytes) -> None:
        self._descriptor, self._mbox = descriptor, mbox
        with refusing(b"unable to read " + mbox):
            status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NoMbox(b"%s is not a regular file" % mbox)
        self.changed = int(status.st_mtime)
        self._size_bytes = 0

    def pieces(self) -> Iterator[bytes]:
        """The file from its first byte."""
        while True:
            with refusing(b"unable to read " + self._mbox):
                piece = os.pread(self._descriptor, _PIECE_BYTES, self._size_bytes)
            if not piece:
                return
            self._size_bytes += len(piece)
            yield piece

    def empty(self) -> None:
        """Y3 to Y4.

        :raises Refused: it was not.
        """
        with refusing(b"all messages were copied, but unable to empty " + self._mbox):
            if os.fstat(self._descriptor).st_size != self._size_bytes:
                # written to in spite of the lock: what has come since may be nowhere else
                raise Refused(b"all messages were copied, but %s has changed and was not emptied" % self._mbox)
            os.ftruncate(self._descriptor, 0)
            os.fsync(self._descriptor)


class _Copies:
    """The messages on their way into the maildir. `undated` is the date of a message whose From_ line has none."""

    def __init__(self, maildir: bytes, names: Names, undated: int, now: int) -> None:
        self.made: list[_Copy] = []
        self._maildir, self._names, self._undated, self._now = maildir, names, undated, now
        self._what = b"unable to write to maildir " + maildir

    def fill(self, events: Iterator[Start | bytes]) -> None:
        """To Y1: every message in a file of its own, dated, synced."""
        line, file = b"", -1
        header = bytearray()
        try:
            for event in events:
                if isinstance(event, Start):
                    self._end(file, line, bytes(header))
                    file, line = -1, event.line
                    header.clear()
                    file = self._begin()
                    continue
                if len(header) < HEADER_BYTES:
                    header += event
                with refusing(self._what):
                    durable.write_all(file, event)
            self._end(file, line, bytes(header))
            file = -1
        finally:
            if file >= 0:
                with suppress(OSError):
                    os.close(file)

    def _begin(self) -> int:
        name = self._names.make()
        path = b"%s/tmp/%s" % (self._maildir, name)
        with refusing(self._what):
            file = os.open(path, _CREATE, 0o600)
        self.made.append(_Copy(path, name))
        return file

    def _end(self, file: int, line: bytes, header: bytes) -> None:
        if file < 0:
            return
        path, name = self.made[-1]
        noted = marks(header)
        room = b"new/" + name if noted.is_new else b"cur/%s:2,%s" % (name, noted.flags)
        self.made[-1] = _Copy(path, b"%s/%s" % (self._maildir, room))
        date = from_date(line)
        date = self._undated if date is None else min(date, self._now)  # what is of tomorrow is hidden till then
        with refusing(self._what):
            try:
                os.utime(path, (date, date))
                os.fsync(file)
            finally:
                os.close(file)

    def publish(self) -> None:
        """Y1 to Y3."""
        with refusing(self._what):
            for source, target in self.made:
                os.link(source, target)
            for part in (b"new", b"cur"):
                durable.sync_directory(os.fsdecode(self._maildir + b"/" + part))

    def withdraw(self) -> None:
        """Back to nothing, before Y3."""
        for source, target in self.made:
            if b"/" in target:  # else it was never complete
                with suppress(OSError):
                    os.unlink(target)
            with suppress(OSError):
                os.unlink(source)

    def clean(self) -> None:
        """Remove the files in tmp/; readers remove what stays."""
        for source, _ in self.made:
            with suppress(OSError):
                os.unlink(source)
