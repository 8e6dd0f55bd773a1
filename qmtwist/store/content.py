"""The message that is being delivered: bytes in memory, or a seekable descriptor, read from its beginning.

One that differs from recipient to recipient may come as a descriptor whose first bytes are replaced (`Spliced`).
"""

from __future__ import annotations

import os

from qmtwist.mail.errors import Temporary
from qmtwist.mail.reasons import reason
from qmtwist.mail.shapes import Iterator, NamedTuple

Message = bytes | int
PIECE_BYTES = 128 * 1024


class Spliced(NamedTuple):
    """A descriptor, in place of whose first `skip` bytes `head` stands."""

    descriptor: int
    head: bytes
    skip: int


Handed = Message | Spliced
"""As a message comes to who delivers it."""


class Unreadable(Temporary):
    """The message cannot be read; `why` is the reason in qmail's words."""

    def __init__(self, error: OSError) -> None:
        self.why = reason(error)
        super().__init__(f"Unable to read message: {self.why.decode('ascii')}. (#4.3.0)", "4.3.0")


def descriptor_of(message: Handed) -> int | None:
    """The descriptor, if there is one."""
    if isinstance(message, bytes):
        return None
    return message if isinstance(message, int) else message.descriptor


def kept(message: Handed) -> Handed:
    """The same message for longer: somebody has to `close` it.

    :raises OSError: no descriptor is to be had.
    """
    if isinstance(message, Spliced):
        return message._replace(descriptor=os.dup(message.descriptor))
    return os.dup(message) if isinstance(message, int) else message


def close(message: Handed) -> None:
    """It is not needed any more."""
    descriptor = descriptor_of(message)
    if descriptor is not None:
        os.close(descriptor)


def pieces(message: Handed) -> Iterator[bytes]:
    """The message from its first byte, whatever the descriptor's position; the position is left as it is.

    :raises Unreadable: the disk refused.
    """
    if isinstance(message, bytes):
        yield message
        return
    position = 0
    if isinstance(message, Spliced):
        message, head, position = message
        yield head
    try:
        while piece := os.pread(message, PIECE_BYTES, position):
            yield piece
            position += len(piece)
    except OSError as error:
        raise Unreadable(error) from error


def as_descriptor(message: bytes | Spliced) -> int:
    """A descriptor of a copy in memory, which nobody who gets it can change; the caller closes it.

    :raises OSError: there is no room. :raises Unreadable: the disk refused.
    """
    import fcntl

    descriptor = os.memfd_create("message", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        for piece in pieces(message):
            view = memoryview(piece)
            while view:
                view = view[os.write(descriptor, view) :]
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
        os.lseek(descriptor, 0, os.SEEK_SET)
    except (OSError, Unreadable):
        os.close(descriptor)
        raise
    return descriptor
