"""Orders to and reports from the delivery agents.

Two codecs live here. The classic one is qmail's (one byte of delivery number, NUL-ended fields), spoken by
qmail-lspawn and qmail-rspawn on descriptors 0 and 1. The framed one is what the daemon and its own agents speak:
many orders in flight, the message travels with its order, and a version is agreed on first.

A frame is `length (4 bytes, big endian, of all that follows) kind (1 byte) number (4 bytes) payload`.
"""

from __future__ import annotations

import struct

from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import Iterator, NamedTuple

VERSION = 1
HEADER = struct.Struct(">IcI")
_OVERHEAD = HEADER.size - 4
FRAME_LIMIT = 16 * 1024 * 1024  # bytes; above it a message travels as a descriptor


class Frame(NamedTuple):
    """One frame: what it is, the number that joins order and report, and its content."""

    kind: bytes
    number: int
    payload: bytes


def frame(kind: bytes, number: int, *parts: bytes) -> bytes:
    """A frame in one piece, from the parts of its payload."""
    payload = b"".join(parts)
    return HEADER.pack(len(payload) + _OVERHEAD, kind, number) + payload


class FrameReader:
    """Cuts a stream into frames, however it is chunked. Lives as long as its pipe."""

    def __init__(self, limit_bytes: int = FRAME_LIMIT) -> None:
        self._buffer = bytearray()
        self._limit = limit_bytes

    def receive(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete now.

        :raises Malformed: a length that no frame can have; the stream is lost.
        """
        buffer = self._buffer
        buffer += data
        start, end = 0, len(buffer)
        try:
            while end - start >= HEADER.size:
                length, kind, number = HEADER.unpack_from(buffer, start)
                if length < _OVERHEAD or length > self._limit + _OVERHEAD:
                    raise Malformed(f"impossible frame length {length}")
                if end - start < length + 4:
                    break
                payload = bytes(memoryview(buffer)[start + HEADER.size : start + 4 + length])
                start += 4 + length
                yield Frame(kind, number, payload)
        finally:
            if start:
                del buffer[:start]


# -- kinds: daemon <-> root agent (control channel, a UNIX stream socket that can pass descriptors)

HELLO = b"h"  # both: payload is the version in digits; the first frame each way
LOOKUP = b"l"  # to agent: payload is a local part
ACCOUNT = b"a"  # from agent: uid NUL user NUL home NUL dash NUL ext NUL serial of the worker, for this lookup or login
REFUSAL = b"r"  # from agent, worker: a report (letter and text) for the order of this number
WORKER = b"w"  # from agent: number is a worker's serial, payload its uid; its channel is attached
LOST = b"x"  # to agent: the worker with this serial has hung up; payload is its uid
COURIER = b"m"  # to agent: run qmail-rspawn with these words, each NUL-ended; its socket is attached
LOGIN = b"c"  # to agent: run the checkpassword program; payload name NUL secret NUL challenge NUL
# A worker that a checkpassword program started greets the agent with HELLO: version NUL uid NUL gid NUL user NUL home.

# -- kinds: daemon <-> worker (the channel that came with WORKER)

DELIVER = b"d"  # to worker: see DeliverOrder
REPORT = b"R"  # from worker: letter and text
HEAVY = b"H"  # from worker: this delivery needs a process of its own, and waits for GO
GO = b"G"  # to worker: begin it
CHECK = b"k"  # to worker: local NUL host; is there a mailbox? answered by CHECKED
CHECKED = b"K"  # from worker: b"y" yes, b"n" no, b"?" undecidable
UNKNOWN = b"u"  # from worker: it has no account for that local part (any more); look it up again
FLUSH = b"t"  # to worker: send a maildir to a host; see wire/flush.py; answered by FLUSHED
FLUSHED = b"T"  # from worker: how that ended
# the payloads of these six are made and read in wire/mailbox.py
OPEN = b"o"  # to worker: open the maildir of local NUL maildir; answered by LISTING or REFUSAL
LISTING = b"O"  # from worker: a handle, then `name NUL size NUL` for each message, oldest first
FETCH = b"f"  # to worker: handle, position in the listing, offset; answered by CONTENT or REFUSAL
CONTENT = b"F"  # from worker: a piece of the message and whether more follows
LEAVE = b"q"  # to worker: handle, then `q` and the positions to delete, or `x`: change nothing; answered by LEFT
LEFT = b"Q"  # from worker: number of messages that could not be deleted, in digits

# -- kind: root agent -> worker (the worker's own pipe from the agent)

ASSERT = b"A"  # local NUL user NUL uid NUL gid NUL home NUL dash NUL ext: what the worker may do for that local part


class DeliverOrder(NamedTuple):
    """One local delivery. `message` is None when its descriptor is attached to the frame instead; `head` stands then in
    place of its first `skip` bytes.
    """

    sender: bytes
    local: bytes
    host: bytes
    message: bytes | None
    head: bytes = b""
    skip: int = 0


def parse_splice(text: bytes) -> tuple[bytes, int]:
    """What stands in place of so many bytes, from `SKIP:HEAD`.

    :raises Malformed: there is no number, or it is 0.
    """
    skip, colon, head = text.partition(b":")
    if not colon or not skip.isdigit() or not 0 < len(skip) < 10 or not int(skip):
        raise Malformed("bad splice")
    return head, int(skip)


def encode_order(number: int, order: DeliverOrder) -> bytes:
    """The DELIVER frame of an order."""
    flag, text = b"i", order.message
    if text is None:
        flag, text = (b"p", b"%d:%s" % (order.skip, order.head)) if order.skip else (b"f", b"")
    return frame(DELIVER, number, b"%s%s\0%s\0%s\0" % (flag, order.sender, order.local, order.host), text)


def parse_order(payload: bytes) -> DeliverOrder:
    """The order in a DELIVER frame's payload.

    :raises Malformed: fewer than three NULs or an unknown flag.
    """
    parts = payload[1:].split(b"\0", 3)
    flag = payload[:1]
    if len(parts) != 4 or flag not in (b"f", b"i", b"p"):
        raise Malformed("bad delivery order")
    if flag == b"p":
        return DeliverOrder(parts[0], parts[1], parts[2], None, *parse_splice(parts[3]))
    return DeliverOrder(parts[0], parts[1], parts[2], parts[3] if flag == b"i" else None)
