"""The message that qmail-remote gets on descriptor 0: how long it is, what is in it, and its bytes more than once."""

from __future__ import annotations

import os
import stat
from typing import BinaryIO

from qmtwist.mail.shapes import Iterator
from qmtwist.wire.outgoing import Survey

PIECE_BYTES = 65536
_MEMORY_BYTES = 1024 * 1024  # more than that of a message that cannot be read twice is kept in a file


class Unreadable(Exception):
    """The message cannot be read, or has become shorter; nothing is known about why it should be better later."""


class Message:
    """One message. Made by the program for its descriptor, which it does not close; used in a `with`.

    A regular file is read where it is, as often as needed. Anything else, such as a pipe, is read once, when its size
    is first asked for.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._start = 0
        self._size: int | None = None
        self._survey: Survey | None = None
        self._memory = b""
        self._file: BinaryIO | None = None  # for a long message from a pipe

    def __enter__(self) -> Message:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def size_bytes(self) -> int:
        """How long it is.

        :raises Unreadable: it cannot be read.
        """
        if self._size is None:
            try:
                self._size = self._prepare()
            except OSError as error:
                raise Unreadable from error
        return self._size

    def survey(self) -> Survey:
        """What SMTP announces of it, beside its size.

        :raises Unreadable: it cannot be read.
        """
        if self._survey is None:
            survey = Survey()
            for piece in self.pieces():
                survey.look(piece)
            self._survey = survey
        return self._survey

    def pieces(self) -> Iterator[bytes]:
        """All of its bytes, `size_bytes` of them, from the beginning.

        :raises Unreadable: it cannot be read, or has become shorter.
        """
        at, end = 0, self.size_bytes()
        while at < end:
            piece = self._read(at, min(PIECE_BYTES, end - at))
            if not piece:
                raise Unreadable
            at += len(piece)
            yield piece

    def _read(self, at: int, length: int) -> bytes:
        if self._memory:
            return self._memory[at : at + length]
        try:
            return os.pread(self._descriptor, length, self._start + at)
        except OSError as error:
            raise Unreadable from error

    def _prepare(self) -> int:
        """Make everything readable again and again, and say how much it is."""
        status = os.fstat(self._descriptor)
        if stat.S_ISREG(status.st_mode):
            self._start = os.lseek(self._descriptor, 0, os.SEEK_CUR)
            return max(0, status.st_size - self._start)
        pieces: list[bytes] = []
        size = 0
        while piece := os.read(self._descriptor, PIECE_BYTES):
            size += len(piece)
            if self._file is None and size > _MEMORY_BYTES:
                self._file = _temporary_file()
                self._file.writelines(pieces)
                pieces.clear()
            if self._file is None:
                pieces.append(piece)
            else:
                self._file.write(piece)
        self._memory = b"".join(pieces)
        if self._file is not None:
            self._file.flush()
            self._descriptor = self._file.fileno()
        return size


def _temporary_file() -> BinaryIO:
    from tempfile import TemporaryFile  # slow to import, and the spawner hands over a file

    # it lives exactly as long as this process needs it
    return TemporaryFile()
