"""What serialsmtp and serialqmtp have in common: names in, answers out, and a connection on descriptors 6 and 7."""

from __future__ import annotations

import os
import select

from qmtwist.mail.errors import suppress
from qmtwist.mail.reasons import reason
from qmtwist.mail.shapes import Iterator, NamedTuple
from qmtwist.store.durable import write_all
from qmtwist.wire.serial import HEAD_BYTES, format_answer, parse_head

FROM_NETWORK, TO_NETWORK = 6, 7  # as tcpclient sets them
WRITE_S = 73
PIECE_BYTES = 65536
_READ_BYTES = 65536


class Fatal(Exception):
    """The end of the program, with 111; `text` is what is wrong, without the program's name."""

    def __init__(self, text: bytes) -> None:
        super().__init__(text)
        self.text = text


class Opened(NamedTuple):
    """A message to be sent. The descriptor stands behind the two lines that are its envelope; `recipient` has lost its
    prefix, and `size_bytes` is what is left of the file.
    """

    name: bytes
    descriptor: int
    sender: bytes
    recipient: bytes
    size_bytes: int


def read_names(descriptor: int = 0) -> Iterator[bytes]:
    """The names that maildirserial gives, each when it is wanted. One that does not end is none.

    :raises Fatal: they cannot be read.
    """
    rest = b""
    try:
        while data := os.read(descriptor, _READ_BYTES):
            *names, rest = (rest + data).split(b"\0")
            yield from names
    except OSError as error:
        raise Fatal(b"unable to read input: " + reason(error)) from error


def open_message(name: bytes, prefix: bytes) -> Opened | None:
    """Open a file; None if it is not a message for this prefix, or is not there any more.

    :raises Fatal: it cannot be read.
    """
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Fatal(b"unable to open %s: %s" % (name, reason(error))) from error
    try:
        head = parse_head(os.pread(descriptor, HEAD_BYTES, 0))
        if head is not None and head.recipient.startswith(prefix):
            os.lseek(descriptor, head.size_bytes, os.SEEK_SET)
            size = os.fstat(descriptor).st_size - head.size_bytes
            return Opened(name, descriptor, head.sender, head.recipient[len(prefix) :], size)
    except OSError as error:
        os.close(descriptor)
        raise Fatal(b"unable to read file: " + reason(error)) from error
    os.close(descriptor)
    return None


def answer(name: bytes, letter: bytes, text: bytes) -> None:
    """Tell maildirserial.

    :raises Fatal: it does not listen.
    """
    try:
        write_all(1, format_answer(name, letter, text))
    except OSError as error:
        raise Fatal(b"unable to write output: " + reason(error)) from error


def prepare() -> None:
    """Neither descriptor may hold us up: every wait has its limit."""
    for descriptor in (FROM_NETWORK, TO_NETWORK):
        with suppress(OSError):  # the first use says it better
            os.set_blocking(descriptor, False)


def is_ready(descriptor: int, event: int, timeout_s: float) -> bool:
    """Wait until the connection can be read or written, or has ended; False: not in time."""
    poll = select.poll()
    poll.register(descriptor, event)
    return bool(poll.poll(timeout_s * 1000))
