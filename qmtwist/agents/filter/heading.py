"""Read the header of the message on descriptor 0."""

from __future__ import annotations

import os

from qmtwist.mail.errors import Malformed, suppress
from qmtwist.mail.header import HeaderReader

_READ_BYTES = 65536


def read_header() -> HeaderReader:
    """The header; what follows may be unread. `is_complete` is false if it is so long that the rest was left unread.

    :raises OSError: the message cannot be read.
    """
    reader = HeaderReader()
    with suppress(Malformed):
        while not reader.is_complete:
            piece = os.read(0, _READ_BYTES)
            if piece:
                reader.receive(piece)
            else:
                reader.eof()
    return reader


def drain() -> None:
    """Read the message to its end: whoever writes it into a pipe need not be told that nobody wants it.

    :raises OSError: it cannot be read.
    """
    while os.read(0, _READ_BYTES):
        pass
