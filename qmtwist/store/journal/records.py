"""What the journal says: one record per fact about a message in motion.

A record is `length crc key number kind` and a payload. The checksum covers all but itself; the key is a random number
that each segment draws anew, so neither the remains of a segment's earlier life nor bytes that a sender put into a
message can pass for a record.
"""

from __future__ import annotations

import struct
from zlib import crc32

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import Iterator, NamedTuple

HEADER = struct.Struct("<IIQQB")  # payload length, checksum, segment key, message number, kind
MESSAGE, DONE, FAILED, END, MOVED = 1, 2, 3, 4, 5
_MESSAGE_HEAD = struct.Struct("<IQQI")  # uid, qp, birth, length of the envelope
_INDEX = struct.Struct("<I")
_CHECKED = struct.Struct("<IQQB")


class Record(NamedTuple):
    """One record as it was found; `offset` is where its payload begins."""

    kind: int
    number: int
    payload: bytes
    offset: int


class JournalMessage(NamedTuple):
    """The payload of a MESSAGE record: everything that the queue knows of a message."""

    number: int
    uid: int
    qp: int
    birth: int
    envelope: Envelope
    content: bytes


class Draft(NamedTuple):
    """A record before it has a place: kind, message number, payload in pieces."""

    kind: int
    number: int
    pieces: tuple[bytes, ...]

    def size(self) -> int:
        """Bytes that it takes in a segment."""
        return HEADER.size + sum(map(len, self.pieces))


def message(entry: JournalMessage) -> Draft:
    """The record that makes a message ours."""
    sender, recipients = entry.envelope
    envelope = b"\0".join((sender, *recipients))
    head = _MESSAGE_HEAD.pack(entry.uid, entry.qp, entry.birth, len(envelope))
    return Draft(MESSAGE, entry.number, (head, envelope, entry.content))


def content_offset(draft: Draft) -> int:
    """How far into a MESSAGE record its content begins, the header included."""
    return HEADER.size + len(draft.pieces[0]) + len(draft.pieces[1])


def done(number: int, recipient: int) -> Draft:
    """The recipient with this index (order of the envelope) is served or has failed for good."""
    return Draft(DONE, number, (_INDEX.pack(recipient),))


def failed(number: int, recipient: int, paragraph: bytes) -> Draft:
    """The recipient failed for good; the paragraph goes into the bounce."""
    return Draft(FAILED, number, (_INDEX.pack(recipient), paragraph))


def end(number: int) -> Draft:
    """Every recipient is served and the bounce, if one was due, is queued."""
    return Draft(END, number, ())


def moved(number: int) -> Draft:
    """The message rests in queue files now; they alone count."""
    return Draft(MOVED, number, ())


def encode(draft: Draft, key: int) -> bytes:
    """The record's bytes in the segment with this key."""
    payload = b"".join(draft.pieces)
    check = crc32(payload, crc32(_CHECKED.pack(len(payload), key, draft.number, draft.kind)))
    return HEADER.pack(len(payload), check, key, draft.number, draft.kind) + payload


def parse_message(record: Record) -> JournalMessage:
    """The message in a MESSAGE record.

    :raises Malformed: lengths that do not add up.
    """
    if len(record.payload) < _MESSAGE_HEAD.size:
        raise Malformed("short message record")
    uid, qp, birth, length = _MESSAGE_HEAD.unpack_from(record.payload)
    start = _MESSAGE_HEAD.size
    if start + length > len(record.payload):
        raise Malformed("short message record")
    sender, *recipients = record.payload[start : start + length].split(b"\0")
    content = record.payload[start + length :]
    return JournalMessage(record.number, uid, qp, birth, Envelope(sender, tuple(recipients)), content)


def parse_index(record: Record) -> int:
    """The recipient that a DONE or FAILED record is about.

    :raises Malformed: a payload without an index.
    """
    if len(record.payload) < _INDEX.size:
        raise Malformed("short record")
    index: int = _INDEX.unpack_from(record.payload)[0]
    return index


def parse_paragraph(record: Record) -> bytes:
    """The bounce paragraph of a FAILED record."""
    return record.payload[_INDEX.size :]


def record_at(data: bytes, at: int, key: int) -> Record | None:
    """The record that begins here, if there is a whole and true one."""
    if at + HEADER.size > len(data):
        return None
    length, check, found, number, kind = HEADER.unpack_from(data, at)
    start = at + HEADER.size
    if found != key or start + length > len(data):
        return None
    payload = data[start : start + length]
    if crc32(payload, crc32(_CHECKED.pack(length, key, number, kind))) != check:
        return None
    return Record(kind, number, payload, start)


def scan(data: bytes, start: int, key: int) -> Iterator[Record | int]:
    """Every record of a segment from `start` on; an int tells how many bytes were unreadable before the next one.

    The end of what was written is simply where no true record follows any more.
    """
    needle = struct.pack("<Q", key)
    at = start
    while True:
        record = record_at(data, at, key)
        if record is not None:
            yield record
            at = record.offset + len(record.payload)
            continue
        candidate = data.find(needle, at + 1)
        while candidate >= 0 and (candidate - 8 <= at or record_at(data, candidate - 8, key) is None):
            candidate = data.find(needle, candidate + 1)
        if candidate < 0:
            return
        yield candidate - 8 - at
        at = candidate - 8
