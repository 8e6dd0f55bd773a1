"""Constant databases: read one by position, write one to the byte. (cdb(5): users/cdb, tcprules, fastforward)

A file is 256 pairs (position, length) of little-endian 32-bit words, then the records `keylen datalen key data` in the
order they were given, then 256 hash tables of slots (hash, position). Position 0 marks an empty slot.
"""

from __future__ import annotations

import os
import struct

from qmtwist.mail.errors import Malformed, suppress
from qmtwist.mail.shapes import Callable, Iterable, Iterator

from . import durable

HEADER_BYTES = 2048
SIZE_LIMIT = 0xFFFFFFFF  # bytes; positions are 32 bits wide
_PAIR = struct.Struct("<II")
_SLOTS_AT_ONCE = 64
_WRITE_BYTES = 1 << 20


def hash_key(key: bytes) -> int:
    """cdb's hash: 5381, then times 33 xor each byte, in 32 bits.

    >>> hash_key(b""), hash_key(b"a")
    (5381, 177604)
    """
    h = 5381
    for byte in key:
        h = (h * 33 & 0xFFFFFFFF) ^ byte
    return h


def encode(records: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The whole file for these (key, data) pairs, in this order; equal keys are all kept.

    :raises Malformed: more than 4 GiB.
    """
    body: list[bytes] = []
    tables: list[list[tuple[int, int]]] = [[] for _ in range(256)]
    position = HEADER_BYTES
    for key, data in records:
        h = hash_key(key)
        tables[h & 255].append((h, position))
        body += _PAIR.pack(len(key), len(data)), key, data
        position += 8 + len(key) + len(data)
        if position > SIZE_LIMIT:
            raise Malformed("a constant database cannot be larger than 4 GiB")
    header: list[bytes] = []
    for entries in tables:
        header.append(_PAIR.pack(position, 2 * len(entries)))
        body.append(_table(entries))
        position += len(body[-1])
        if position > SIZE_LIMIT:
            raise Malformed("a constant database cannot be larger than 4 GiB")
    return b"".join(header + body)


def _table(entries: list[tuple[int, int]]) -> bytes:
    """One hash table, half full, linear probing, filled in the order of the records."""
    size = 2 * len(entries)
    slots = [(0, 0)] * size
    for h, position in entries:
        at = (h >> 8) % size
        while slots[at][1]:
            at = (at + 1) % size
        slots[at] = (h, position)
    return b"".join([_PAIR.pack(*slot) for slot in slots])


def write(path: str, temporary: str, records: Iterable[tuple[bytes, bytes]], mode: int = 0o644) -> None:
    """Replace `path` by a database of these records, durably, through the file `temporary` beside it.

    :raises OSError: as the kernel gave it; `path` is untouched unless syncing its directory failed; `temporary` goes.
        `filename` tells the step: `temporary` alone, it could not be created; None, writing or syncing failed; with
        `filename2` the rename failed.
    :raises Malformed: the database would be too large; nothing was touched.
    """
    data = encode(records)
    durable.unlink_quietly(temporary)
    durable.create(temporary, data, mode)
    try:
        os.rename(temporary, path)
    except OSError:
        durable.unlink_quietly(temporary)
        raise
    durable.sync_directory(os.path.dirname(path) or ".")


def begin(temporary: bytes) -> int:
    """A descriptor of an empty file for `stream`; what had the name before is cut, but a symbolic link is not followed:
    root may be compiling what lies in a user's directory.

    :raises OSError: it cannot be created.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    return os.open(temporary, flags, 0o644)


def stream(descriptor: int, records: Iterable[tuple[bytes, bytes]]) -> None:
    """What `write` does for any number of records, in 8 bytes of memory for each: they are written as they come.

    The descriptor is of an empty file, and is empty again if `records` raises. It is closed in any case.

    :raises OSError: it cannot be written. :raises Malformed: it would be too large.
    """
    try:
        try:
            _write_stream(descriptor, records)
            os.fsync(descriptor)
        except BaseException:
            with suppress(OSError):
                os.ftruncate(descriptor, 0)
            raise
    finally:
        os.close(descriptor)


def _write_stream(descriptor: int, records: Iterable[tuple[bytes, bytes]]) -> None:
    import array

    tables = [array.array("I") for _ in range(256)]  # of each record its hash and its position
    position, waiting = HEADER_BYTES, bytearray(HEADER_BYTES)
    for key, data in records:
        h = hash_key(key)
        tables[h & 255].extend((h, position))
        waiting += b"".join((_PAIR.pack(len(key), len(data)), key, data))
        position += 8 + len(key) + len(data)
        if position > SIZE_LIMIT:
            raise Malformed("a constant database cannot be larger than 4 GiB")
        if len(waiting) > _WRITE_BYTES:
            durable.write_all(descriptor, waiting)
            waiting = bytearray()
    durable.write_all(descriptor, waiting)
    header = []
    for numbers in tables:
        table = _table(list(zip(numbers[::2], numbers[1::2], strict=True)))
        header.append(_PAIR.pack(position, len(numbers)))
        position += len(table)
        if position > SIZE_LIMIT:
            raise Malformed("a constant database cannot be larger than 4 GiB")
        durable.write_all(descriptor, table)
    os.lseek(descriptor, 0, os.SEEK_SET)
    durable.write_all(descriptor, b"".join(header))


def finish(descriptor: int, records: Iterable[tuple[bytes, bytes]]) -> None:
    """Write a database and make it durable; a rename gives it its name. The descriptor is closed in any case.

    :raises OSError: it cannot be written. :raises Malformed: it would be too large.
    """
    try:
        durable.write_all(descriptor, encode(records))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def scan(read: Callable[[int], bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Every record of a database that can only be read once, from a pipe say, in the order they were written.

    `read` gives at most so many bytes, and none at the end.

    :raises Malformed: it ends too early or contradicts itself; the records before that were good.
    """
    header = _exactly(read, HEADER_BYTES)
    end, at = _PAIR.unpack_from(header)[0], HEADER_BYTES
    while at < end:
        key_bytes, data_bytes = _PAIR.unpack(_exactly(read, 8))
        at += 8 + key_bytes + data_bytes
        if at > end:
            raise Malformed("constant database: a record lies outside its place")
        key = _exactly(read, key_bytes)
        yield key, _exactly(read, data_bytes)


def _exactly(read: Callable[[int], bytes], count: int) -> bytes:
    pieces = []
    while count:
        piece = read(min(count, _WRITE_BYTES))
        if not piece:
            raise Malformed("constant database: it ends too early")
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


class Reader:
    """An open database. Looks up by pread, believes no number in the file, and sees the file that was opened even
    when a new one is renamed over it. Whoever opens it closes it; usable in a `with` statement.
    """

    def __init__(self, path: str | bytes) -> None:
        """:raises OSError: as open gave it. :raises Malformed: too short to have a header."""
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._size = os.fstat(self._descriptor).st_size
            self._header = self._read(0, HEADER_BYTES)
        except BaseException:
            os.close(self._descriptor)
            raise

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._descriptor)

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, key: bytes) -> bytes | None:
        """The data of the first record with this key; None when there is none.

        :raises Malformed: the file contradicts itself. :raises OSError: it cannot be read.
        """
        return next(self._find(key), None)

    def get_all(self, key: bytes) -> list[bytes]:
        """The data of every record with this key, in the order they were written. Raises like `get`."""
        return list(self._find(key))

    def records(self) -> Iterator[tuple[bytes, bytes]]:
        """Every record, in the order they were written. Raises like `get`."""
        positions = [position for position, _ in _PAIR.iter_unpack(self._header)]
        at, end = HEADER_BYTES, min(positions)
        while at < end:
            key_bytes, data_bytes = _PAIR.unpack(self._read(at, 8))
            if at + 8 + key_bytes + data_bytes > end:
                raise Malformed("constant database: a record lies outside its place")
            both = self._read(at + 8, key_bytes + data_bytes)
            yield both[:key_bytes], both[key_bytes:]
            at += 8 + key_bytes + data_bytes

    def _find(self, key: bytes) -> Iterator[bytes]:
        h = hash_key(key)
        start, size = _PAIR.unpack_from(self._header, 8 * (h & 255))
        if start + 8 * size > self._size:
            raise Malformed("constant database: a hash table lies outside the file")
        first = (h >> 8) % size if size else 0
        for found, position in self._slots(start, size, first):
            if not position:
                return
            if found == h:
                data = self._record(position, key)
                if data is not None:
                    yield data

    def _slots(self, start: int, size: int, first: int) -> Iterator[tuple[int, int]]:
        """Every slot of a table once, from `first` on and round the end, read a few at a time."""
        for begin, end in ((first, size), (0, first)):
            for at in range(begin, end, _SLOTS_AT_ONCE):
                count = min(_SLOTS_AT_ONCE, end - at)
                yield from _PAIR.iter_unpack(self._read(start + 8 * at, 8 * count))

    def _record(self, position: int, key: bytes) -> bytes | None:
        """The data of the record at this position when it has this key."""
        key_bytes, data_bytes = _PAIR.unpack(self._read(position, 8))
        if position + 8 + key_bytes + data_bytes > self._size:
            raise Malformed("constant database: a record lies outside the file")
        if key_bytes != len(key) or self._read(position + 8, key_bytes) != key:
            return None
        return self._read(position + 8 + key_bytes, data_bytes)

    def _read(self, position: int, count: int) -> bytes:
        """Exactly these bytes, however the kernel cuts the read."""
        if position + count > self._size:
            raise Malformed("constant database: shorter than its own positions say")
        data = os.pread(self._descriptor, count, position)
        while len(data) < count:
            more = os.pread(self._descriptor, count - len(data), position + len(data))
            if not more:
                raise Malformed("constant database: it shrank while it was read")
            data += more
        return data
