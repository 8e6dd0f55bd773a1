"""The daemon and a user's worker about a mailbox: payloads of the frames OPEN, LISTING, FETCH, CONTENT, LEAVE and LEFT.

A message travels in pieces, each asked for: so a big one needs no descriptor passed around, the daemon never waits for
a user's disk, and a client that reads slowly slows down only its own asking.
"""

from __future__ import annotations

import struct
from array import array

from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import Iterable, NamedTuple

from .spawn import FRAME_LIMIT

HANDLE_BYTES = 8  # random, so that a handle of a worker that is gone never fits into its successor
PIECE_BYTES = 256 * 1024
_FETCH = struct.Struct(">8sIQ")


class Listing(NamedTuple):
    """An open mailbox: sizes in bytes and names up to the colon, in the order of the message numbers."""

    handle: bytes
    sizes: array[int]
    names: list[bytes]


class Fetch(NamedTuple):
    """The piece of message `position` (from 0) that begins at byte `offset`."""

    handle: bytes
    position: int
    offset: int


class Leave(NamedTuple):
    """The session is over: delete these positions and keep the others; None: it was cut off, change nothing."""

    handle: bytes
    deletions: tuple[int, ...] | None


def encode_open(local: bytes, maildir: bytes) -> bytes:
    """The payload of OPEN: whose mailbox, and its path below the home."""
    return b"%s\0%s" % (local, maildir)


def parse_open(payload: bytes) -> tuple[bytes, bytes]:
    """Local part and maildir of an OPEN payload.

    :raises Malformed: not two parts.
    """
    parts = payload.split(b"\0")
    if len(parts) != 2 or not parts[1]:
        raise Malformed("bad order to open a mailbox")
    return parts[0], parts[1]


def encode_listing(handle: bytes, messages: Iterable[tuple[bytes, int]], limit_bytes: int = FRAME_LIMIT) -> bytes:
    """The payload of LISTING: of more messages than a frame holds, the first ones."""
    entries = [b"%s\0%d\0" % message for message in messages]
    if sum(map(len, entries)) > limit_bytes - HANDLE_BYTES:
        left = limit_bytes - HANDLE_BYTES
        for count, entry in enumerate(entries):
            left -= len(entry)
            if left < 0:
                del entries[count:]
                break
    return handle + b"".join(entries)


def parse_listing(payload: bytes) -> Listing:
    """The listing in a LISTING payload.

    :raises Malformed: not a handle and whole entries.
    """
    parts = payload[HANDLE_BYTES:].split(b"\0")
    if len(payload) < HANDLE_BYTES or len(parts) % 2 == 0 or parts.pop():
        raise Malformed("bad mailbox listing")
    try:
        return Listing(payload[:HANDLE_BYTES], array("Q", map(int, parts[1::2])), parts[::2])
    except (ValueError, OverflowError) as error:
        raise Malformed("bad size in a mailbox listing") from error


def encode_fetch(fetch: Fetch) -> bytes:
    """The payload of FETCH."""
    return _FETCH.pack(*fetch)


def parse_fetch(payload: bytes) -> Fetch:
    """The order in a FETCH payload.

    :raises Malformed: another length.
    """
    if len(payload) != _FETCH.size:
        raise Malformed("bad order to fetch a message")
    return Fetch(*_FETCH.unpack(payload))


def encode_content(piece: bytes, has_more: bool) -> bytes:
    """The payload of CONTENT."""
    return (b"m" if has_more else b"e") + piece


def parse_content(payload: bytes) -> tuple[bytes, bool]:
    """The piece in a CONTENT payload, and whether more follows.

    :raises Malformed: no flag.
    """
    if payload[:1] not in (b"m", b"e"):
        raise Malformed("bad piece of a message")
    return payload[1:], payload[:1] == b"m"


def encode_leave(leave: Leave) -> bytes:
    """The payload of LEAVE."""
    if leave.deletions is None:
        return leave.handle + b"x"
    return leave.handle + b"q" + struct.pack(f">{len(leave.deletions)}I", *leave.deletions)


def parse_leave(payload: bytes) -> Leave:
    """The order in a LEAVE payload.

    :raises Malformed: not a handle, a flag and whole positions.
    """
    handle, flag, positions = (
        payload[:HANDLE_BYTES],
        payload[HANDLE_BYTES : HANDLE_BYTES + 1],
        payload[HANDLE_BYTES + 1 :],
    )
    if flag == b"x" and not positions:
        return Leave(handle, None)
    if flag != b"q" or len(positions) % 4:
        raise Malformed("bad order to leave a mailbox")
    return Leave(handle, struct.unpack(f">{len(positions) // 4}I", positions))
