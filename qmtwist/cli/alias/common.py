"""What the programs of this group share."""

from __future__ import annotations

import os

from qmtwist.cli.chain import fatal, say
from qmtwist.mail.errors import suppress
from qmtwist.mail.shapes import Iterator
from qmtwist.store import cdb, durable

_READ_BYTES = 65536


class ReadError(Exception):
    """Standard input cannot be read; an OSError would be taken for one of the output."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error)
        self.error = error


def stdin() -> Iterator[bytes]:
    """Standard input, piece by piece.

    :raises ReadError: it cannot be read.
    """
    while piece := read_stdin(_READ_BYTES):
        yield piece


def read_stdin(limit_bytes: int) -> bytes:
    """At most so many bytes of standard input; none at its end.

    :raises ReadError: it cannot be read.
    """
    try:
        return os.read(0, limit_bytes)
    except OSError as error:
        raise ReadError(error) from error


def lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Lines with their line ends; the last one may have none."""
    rest: list[bytes] = []
    for piece in pieces:
        *found, last = piece.split(b"\n")
        for line in found:
            yield b"".join([*rest, line, b"\n"])
            rest = []
        rest.append(last)
    if line := b"".join(rest):
        yield line


def write_items(temporary: bytes, items: Iterator[bytes]) -> None:
    """A new file of these pieces, durable. If `items` raises, the file is there and empty.

    :raises OSError: it cannot be written.
    """
    descriptor = cdb.begin(temporary)
    try:
        _write_pieces(descriptor, items)
        os.fsync(descriptor)
    except BaseException:
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
        raise
    finally:
        os.close(descriptor)


def _write_pieces(descriptor: int, pieces: Iterator[bytes]) -> None:
    """A good deal at a time. What came before an error of `pieces` is written."""
    waiting = bytearray()
    try:
        for piece in pieces:
            waiting += piece
            if len(waiting) > _READ_BYTES:
                durable.write_all(descriptor, waiting)
                waiting = bytearray()
    finally:
        durable.write_all(descriptor, waiting)


def move(name: bytes, temporary: bytes, target: bytes) -> int:
    """Give a finished file its name, durably; the exit status of the program."""
    try:
        os.rename(temporary, target)
        durable.sync_directory(os.fsdecode(os.path.dirname(target) or b"."))
    except OSError as error:
        return fatal(name, b"unable to move %s to %s" % (temporary, target), error)
    return 0


def print_pieces(pieces: Iterator[bytes]) -> None:
    """Standard output; what came before an error of `pieces` is printed.

    :raises OSError: it cannot be written.
    """
    _write_pieces(1, pieces)


def open_text(name: bytes) -> int:
    """A descriptor of a text file.

    :raises ReadError: it cannot be opened.
    """
    try:
        return os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ReadError(error) from error


def file_pieces(descriptor: int) -> Iterator[bytes]:
    """The content of an open file, piece by piece.

    :raises ReadError: it cannot be read.
    """
    try:
        while piece := os.read(descriptor, _READ_BYTES):
            yield piece
    except OSError as error:
        raise ReadError(error) from error
    finally:
        os.close(descriptor)


def tell_place(name: bytes, path: bytes, line: int, why: str) -> None:
    """Where a mistake is, and what it is if that is not said yet. In the first line nobody has to search for it."""
    if line > 1:
        say(b"%s: %s:%d: %s" % (name, path, line, why.encode() or b"here"))
