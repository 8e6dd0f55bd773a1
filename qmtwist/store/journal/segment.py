"""One segment: a preallocated, zero-filled file that is overwritten from its beginning to its end.

Zero-filled, because a write into blocks that exist needs no change of the file system's own records, so fdatasync
is one disk write. The file and its directory entry are durable before its first use.
"""

from __future__ import annotations

import os
import struct
from zlib import crc32

from qmtwist.mail.errors import Malformed, suppress
from qmtwist.mail.shapes import NamedTuple
from qmtwist.store.durable import sync_directory, unlink_quietly, write_all

_HEAD = struct.Struct("<8sQQI")  # magic, sequence, key, checksum
_MAGIC = b"QMTWJ001"
FIRST = 512  # where records begin
_ZEROS = bytes(1 << 20)


class Head(NamedTuple):
    """What a segment's first bytes say: its place in the order, and the key of its records."""

    sequence: int
    key: int


def encode_head(head: Head) -> bytes:
    """The first bytes of a segment."""
    body = _HEAD.pack(_MAGIC, head.sequence, head.key, 0)[:-4]
    return body + struct.pack("<I", crc32(body))


def parse_head(data: bytes) -> Head:
    """The meaning of a segment's first bytes.

    :raises Malformed: not a segment of ours, or damaged.
    """
    if len(data) < _HEAD.size:
        raise Malformed("no segment header")
    magic, sequence, key, check = _HEAD.unpack_from(data)
    if magic != _MAGIC or crc32(data[: _HEAD.size - 4]) != check:
        raise Malformed("damaged segment header")
    return Head(sequence, key)


class Segment:
    """An open segment. The writer thread owns `used`; `holds` is guarded by the journal's lock."""

    __slots__ = ("descriptor", "head", "holds", "is_poisoned", "path", "size", "used")

    def __init__(self, path: str, descriptor: int, size: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self.size = size
        self.head = Head(0, 0)
        self.used = FIRST
        self.holds = 0
        self.is_poisoned = False

    def begin(self, head: Head) -> None:
        """Start a new life: from now on only records with this key count."""
        os.pwrite(self.descriptor, encode_head(head), 0)
        os.fdatasync(self.descriptor)
        self.head = head
        self.used = FIRST

    def room(self) -> int:
        """Bytes that still fit."""
        return self.size - self.used

    def write(self, data: bytes) -> None:
        """Append and make durable. After any error the segment must not be trusted again."""
        view, at = memoryview(data), self.used
        while view:
            written = os.pwrite(self.descriptor, view, at)
            view, at = view[written:], at + written
        os.fdatasync(self.descriptor)
        self.used = at

    def read(self, offset: int, length: int) -> bytes:
        """Bytes written before."""
        data = os.pread(self.descriptor, length, offset)
        if len(data) != length:
            raise OSError(5, "journal segment is shorter than it was")
        return data

    def invalidate(self) -> None:
        """End this life durably: nothing in the segment counts any more."""
        os.pwrite(self.descriptor, bytes(_HEAD.size), 0)
        os.fdatasync(self.descriptor)

    def discard(self) -> None:
        """Remove and close it.

        :raises OSError: it cannot be removed; it is still open.
        """
        unlink_quietly(self.path)
        with suppress(OSError):  # what it says no longer counts
            os.close(self.descriptor)


def allocate(directory: str, name: str, size: int) -> Segment:
    """A new segment, zero-filled and durable, not yet begun.

    :raises OSError: the disk refused; nothing stays behind.
    """
    path = f"{directory}/{name}"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        for start in range(0, size, len(_ZEROS)):
            write_all(descriptor, _ZEROS[: min(len(_ZEROS), size - start)])
        os.fsync(descriptor)
        sync_directory(directory)
    except BaseException:
        os.close(descriptor)
        unlink_quietly(path)
        raise
    return Segment(path, descriptor, size)
