"""What the programs that look at a header share."""

from __future__ import annotations

import os
import time

from qmtwist.cli.chain import fatal
from qmtwist.mail.errors import Malformed
from qmtwist.mail.header import HeaderReader
from qmtwist.mail.shapes import Callable, Iterator
from qmtwist.store.durable import write_all

_READ_BYTES = 65536


def answer(name: bytes, work: Callable[[], int]) -> int:
    """Do the work of a program; what goes wrong becomes a line to standard error and the exit status."""
    try:
        return work()
    except Malformed as error:
        return fatal(name, b"%s (#%s)" % (error.text.encode(), error.status.encode()), status=100)
    except OSError as error:
        return fatal(name, b"unable to read or write", error)


def stdin() -> Iterator[bytes]:
    """Standard input in pieces."""
    while piece := os.read(0, _READ_BYTES):
        yield piece


def read_header(pieces: Iterator[bytes]) -> HeaderReader:
    """The header on standard input; a line that begins with `From ` is none of it.

    :raises OSError: it cannot be read. :raises Malformed: it never ends, or has too many fields.
    """
    reader = HeaderReader(has_mbox_lines=False)
    for piece in pieces:
        reader.receive(piece)
        if reader.is_complete:
            return reader
    reader.eof()
    return reader


def field_named(arguments: list[bytes], default: bytes) -> bytes:
    """The name of the field that is asked for, in lower case."""
    return (arguments[0] if arguments else default).lower()


def local_ctime(seconds: int) -> bytes:
    """As ctime(3), without the line end: `Mon Jan  3 18:11:12 1994` in the zone of TZ."""
    return time.asctime(time.localtime(seconds)).encode()


def local_iso(seconds: int) -> bytes:
    """`1994-01-03 18:11:12` in the zone of TZ."""
    return b"%d-%02d-%02d %02d:%02d:%02d" % time.localtime(seconds)[:6]


def out(data: bytes) -> None:
    """To standard output.

    :raises OSError: it cannot be written.
    """
    write_all(1, data)
