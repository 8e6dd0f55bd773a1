"""The message on descriptor 0: its header at once, the rest piece by piece."""

from __future__ import annotations

import os

from qmtwist.mail.errors import Permanent, Temporary
from qmtwist.mail.header import Field
from qmtwist.mail.reasons import reason
from qmtwist.mail.shapes import Iterator
from qmtwist.rules.lists.heading import LIMIT_BYTES, cut, header_end

_READ_BYTES = 65536


class Incoming:
    """A message that is being read."""

    def __init__(self) -> None:
        """Read the header.

        :raises Permanent: it is too long.
        :raises Temporary: it cannot be read.
        """
        data = bytearray()
        while header_end(data, max(len(data) - _READ_BYTES - 3, 0)) < 0 and (piece := _more()):
            data += piece
            if len(data) > LIMIT_BYTES + _READ_BYTES:
                raise Permanent("the header is too long", "5.6.0")
        self.start = bytes(data)
        self.fields: list[Field]
        self.fields, self._rest = cut(self.start)

    def rest(self) -> Iterator[bytes]:
        """What follows the header, from the empty line; nothing if the message has no body.

        :raises Temporary: it cannot be read.
        """
        piece = self._rest
        while piece:
            yield piece
            piece = _more()

    def whole(self, limit_bytes: int) -> bytes:
        """The message, as far as `limit_bytes`.

        :raises Temporary: it cannot be read.
        """
        data = bytearray(self.start)
        while len(data) < limit_bytes and (piece := _more()):
            data += piece
        return bytes(data[:limit_bytes])


def _more() -> bytes:
    try:
        return os.read(0, _READ_BYTES)
    except OSError as error:
        raise Temporary(f"unable to read message: {reason(error).decode()}") from error
