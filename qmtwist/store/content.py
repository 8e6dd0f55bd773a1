"""The message that is being delivered: bytes in memory, or a seekable descriptor, read from its beginning."""

from __future__ import annotations

import os

from qmtwist.mail.errors import Temporary
from qmtwist.mail.reasons import reason
from qmtwist.mail.shapes import Iterator

Message = bytes | int
PIECE_BYTES = 128 * 1024


class Unreadable(Temporary):
    """The message cannot be read; `why` is the reason in qmail's words."""

    def __init__(self, error: OSError) -> None:
        self.why = reason(error)
        super().__init__(f"Unable to read message: {self.why.decode('ascii')}. (#4.3.0)", "4.3.0")


def pieces(message: Message) -> Iterator[bytes]:
    """The message from its first byte, whatever the descriptor's position; the position is left as it is.

    :raises Unreadable: the disk refused.
    """
    if isinstance(message, bytes):
        yield message
        return
    position = 0
    try:
        while piece := os.pread(message, PIECE_BYTES, position):
            yield piece
            position += len(piece)
    except OSError as error:
        raise Unreadable(error) from error


def as_descriptor(message: bytes) -> int:
    """A descriptor of a message in memory, which nobody who gets it can change; the caller closes it."""
    import fcntl

    descriptor = os.memfd_create("message", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        view = memoryview(message)
        while view:
            view = view[os.write(descriptor, view) :]
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
        os.lseek(descriptor, 0, os.SEEK_SET)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
