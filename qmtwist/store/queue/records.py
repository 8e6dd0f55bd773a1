"""info, local and remote files: who sent a message, who is still to get it. (qmail INTERNALS; qmail-send(8))"""

from __future__ import annotations

import os

from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import NamedTuple
from qmtwist.store import durable

from .layout import Layout


class Recipient(NamedTuple):
    """One record of a local or remote file: where its mark lies, whether it is done, the address."""

    offset: int
    is_done: bool
    address: bytes


def encode_info(sender: bytes) -> bytes:
    """The content of info/S/N."""
    return b"F%s\0" % sender


def parse_info(data: bytes) -> bytes:
    """The sender.

    :raises Malformed: no `F`, or no NUL.
    """
    sender, nul, _ = data[1:].partition(b"\0")
    if data[:1] != b"F" or not nul:
        raise Malformed("unknown record type")
    return sender


def encode_recipients(recipients: list[tuple[bool, bytes]]) -> bytes:
    """The content of local/S/N or remote/S/N: (done, address) each."""
    return b"".join([b"%s%s\0" % (b"D" if is_done else b"T", address) for is_done, address in recipients])


def parse_recipients(data: bytes) -> list[Recipient]:
    """The records of a local or remote file.

    :raises Malformed: a record that is neither T nor D, or has no NUL; qmail would take what is cut off for served.
    """
    if data and data[-1:] != b"\0":
        raise Malformed("unterminated record")
    found, offset = [], 0
    for record in data.split(b"\0")[:-1]:
        mark = record[:1]
        if mark not in (b"T", b"D"):
            raise Malformed("unknown record type")
        found.append(Recipient(offset, mark == b"D", record[1:]))
        offset += len(record) + 1
    return found


def mark_done(layout: Layout, channel: str, number: int, offset: int) -> None:
    """Overwrite one byte: this recipient is served. Not synced: a lost mark can only repeat a delivery."""
    descriptor = os.open(layout.channel(channel, number), os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.pwrite(descriptor, b"D", offset)
    finally:
        os.close(descriptor)


def read_info(layout: Layout, number: int) -> tuple[bytes, int]:
    """Sender and birth (POSIX seconds, the file's mtime) of a preprocessed message.

    :raises OSError: no such message, or unreadable.
    :raises Malformed: damaged.
    """
    descriptor = os.open(layout.info(number), os.O_RDONLY | os.O_CLOEXEC)
    with open(descriptor, "rb", buffering=0) as stream:
        return parse_info(stream.readall()), int(os.fstat(descriptor).st_mtime)


def read_recipients(layout: Layout, channel: str, number: int) -> list[Recipient] | None:
    """The recipients of one channel; None: no such file, the channel is finished.

    :raises OSError: unreadable. :raises Malformed: damaged; nobody writes an empty file.
    """
    try:
        data = durable.read(layout.channel(channel, number))
    except FileNotFoundError:
        return None
    if not data:
        raise Malformed("empty file")
    return parse_recipients(data)


def set_due(layout: Layout, channel: str, number: int, due: int) -> None:
    """Keep the time of the next attempt where a restart finds it: in the file's times."""
    os.utime(layout.channel(channel, number), (due, due))
