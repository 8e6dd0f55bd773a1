"""Frames between the daemon and its remote agents, beside those of wire/spawn: `h` HELLO both ways, then these.

    TRANSACTION  to agent: one message for one or more recipients at one host; its number names it from then on
    HEAVY        from agent: connected (or a connection is reused); the transaction waits for GO
    GO           to agent: begin MAIL FROM
    REPORT       from agent, once for each recipient: its index, letter and text
    RELOAD       to agent: read control/ again
    NOTE         from agent: a line for the log

An agent that runs programs (a process per delivery) has the slot from the start: it sends no HEAVY, and it gets
transactions of one recipient only.
"""

from __future__ import annotations

import struct

from qmtwist.mail.errors import Malformed
from qmtwist.mail.outcome import Outcome, parse_report
from qmtwist.mail.shapes import NamedTuple

from . import spawn
from .spawn import FRAME_LIMIT, frame

TRANSACTION = b"t"
REPORT = spawn.REPORT
HEAVY = spawn.HEAVY
GO = spawn.GO
RELOAD = b"v"
NOTE = b"n"

MANY = 10_000
"""No transaction has more recipients."""

_INDEX = struct.Struct(">I")


class RemoteOrder(NamedTuple):
    """One message to `locals`, each at `host`, in this order. `message` is None when its descriptor is attached.

    The addresses have no NUL, as everywhere in the queue; the message is as stored, with LF line ends. In place of the
    first `skip` bytes behind a descriptor stands `head`.
    """

    sender: bytes
    host: bytes
    locals: tuple[bytes, ...]
    message: bytes | None
    head: bytes = b""
    skip: int = 0

    def recipients(self) -> tuple[bytes, ...]:
        """The recipients in full."""
        return tuple(local + b"@" + self.host for local in self.locals)


def fits(order: RemoteOrder) -> bool:
    """Whether the message may travel in its frame; a larger one goes by descriptor.

    >>> fits(RemoteOrder(b"", b"x", (b"a",), b"text"))
    True
    """
    return len(order.message or b"") + len(_head(order)) <= FRAME_LIMIT


def encode_transaction(number: int, order: RemoteOrder) -> bytes:
    """The TRANSACTION frame of an order that fits."""
    text = order.message or b""
    if order.skip:
        text = b"%d:%s" % (order.skip, order.head)
    return frame(TRANSACTION, number, _head(order), text)


def parse_transaction(payload: bytes) -> RemoteOrder:
    """The order in a TRANSACTION frame's payload.

    :raises Malformed: too few NULs, an unknown flag, no recipient or too many.
    """
    parts = payload.split(b"\0", 3)
    if len(parts) != 4 or parts[0][:1] not in (b"f", b"i", b"p") or not parts[2].isdigit() or len(parts[2]) > 5:
        raise Malformed("bad transaction")
    count = int(parts[2])
    fields = parts[3].split(b"\0", count)
    if not 0 < count <= MANY or len(fields) != count + 1:
        raise Malformed("bad transaction")
    message = fields.pop()
    if parts[0][:1] == b"p":
        return RemoteOrder(parts[0][1:], parts[1], tuple(fields), None, *spawn.parse_splice(message))
    return RemoteOrder(parts[0][1:], parts[1], tuple(fields), message if parts[0][:1] == b"i" else None)


def encode_report(number: int, index: int, outcome: Outcome) -> bytes:
    """The REPORT frame for the recipient with this index (from 0) of a transaction."""
    return frame(REPORT, number, _INDEX.pack(index), outcome.verdict.value, outcome.text)


def parse_report_of(payload: bytes) -> tuple[int, Outcome | None]:
    """Index and outcome of a REPORT frame's payload; None for an outcome that is mangled.

    :raises Malformed: there is no index.
    """
    if len(payload) < _INDEX.size:
        raise Malformed("a report without an index")
    return _INDEX.unpack_from(payload)[0], parse_report(payload[_INDEX.size :])


def _head(order: RemoteOrder) -> bytes:
    flag = b"i" if order.message is not None else b"p" if order.skip else b"f"
    locals_ = b"".join([local + b"\0" for local in order.locals])
    return b"%s%s\0%s\0%d\0%s" % (flag, order.sender, order.host, len(order.locals), locals_)
