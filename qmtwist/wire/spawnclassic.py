"""The protocol between qmail-send and its spawners, qmail-lspawn and qmail-rspawn; the spawner's side. (spawn.c)

After one greeting byte, the greatest number of deliveries at a time, orders come in (`DELNUM` byte, message id NUL,
sender NUL, recipient NUL) and reports go out (`DELNUM` byte, letter, text, NUL), in any order.
"""

from __future__ import annotations

from qmtwist.mail.outcome import Outcome, Verdict
from qmtwist.mail.shapes import Container, NamedTuple

LIMIT = 120
"""Deliveries at a time."""

MESSAGE_ID_LIMIT_BYTES = 99
FIELD_LIMIT_BYTES = 1 << 20  # far above any address; a field that goes on for ever must not fill the memory


class ClassicOrder(NamedTuple):
    """One delivery: its slot number, the message's name below queue/mess, and the envelope."""

    number: int
    message_id: bytes
    sender: bytes
    recipient: bytes


class OrderReader:
    """Cuts the stream of orders, however it is chunked. What is incomplete at its end is dropped by just stopping."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def receive(self, data: bytes) -> list[ClassicOrder]:
        """The orders that are complete now; an overlong field is cut, so that its order fails later."""
        self._buffer += data
        orders: list[ClassicOrder] = []
        start = 0
        while (order := self._next(start)) is not None:
            orders.append(order[0])
            start = order[1]
        del self._buffer[:start]
        return orders

    def _next(self, start: int) -> tuple[ClassicOrder, int] | None:
        fields: list[bytes] = []
        at = start + 1
        for _ in range(3):
            end = self._buffer.find(b"\0", at)
            if end < 0:
                del self._buffer[at + FIELD_LIMIT_BYTES :]
                return None
            fields.append(bytes(self._buffer[at:end]))
            at = end + 1
        return ClassicOrder(self._buffer[start], *fields), at


def objection(order: ClassicOrder, busy: Container[int], limit: int = LIMIT) -> Outcome | None:
    """Why an order cannot be carried out, found without touching the message; None if it can.

    >>> objection(ClassicOrder(3, b"1/2x", b"", b"a@b"), ()).text
    b'Internal error: messid has nonnumerics. (#5.3.5)\\n'
    """
    if order.number >= limit:
        return Outcome(Verdict.DEFERRAL, b"Internal error: delnum too big. (#4.3.5)\n")
    if order.number in busy:
        return Outcome(Verdict.DEFERRAL, b"Internal error: delnum in use. (#4.3.5)\n")
    name = order.message_id
    if not (name[:1] + name[1:].replace(b"/", b"") or b"0").isdigit():
        return Outcome(Verdict.FAILURE, b"Internal error: messid has nonnumerics. (#5.3.5)\n")
    if len(name) > MESSAGE_ID_LIMIT_BYTES:
        return Outcome(Verdict.FAILURE, b"Internal error: messid too long. (#5.3.5)\n")
    if not name:
        return Outcome(Verdict.FAILURE, b"Internal error: messid too short. (#5.3.5)\n")
    if b"@" not in order.recipient:
        return Outcome(Verdict.FAILURE, b"Sorry, address must include host name. (#5.1.3)\n")
    return None


def format_report(number: int, outcome: Outcome) -> bytes:
    """One report on the wire; a NUL in the text would end it, so the text ends there."""
    return b"%c%s%s\0" % (number, outcome.verdict.value, outcome.text.partition(b"\0")[0])
