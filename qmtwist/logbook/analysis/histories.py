"""What the lines of a log tell together: one delivery from start to end, one message from birth to end.

    d k|d|z BIRTH START END BYTES <SENDER> CHANNEL.RECIPIENT QP UID REASON
    m BIRTH END BYTES SUCCESSES FAILURES DEFERRALS <SENDER> QP UID

All fields are the bytes of the log; instants are POSIX seconds with decimals, as text. `k` is success, `d` failure, `z`
deferral. What the log does not tell is `?`, or 0 for a number.
"""

from __future__ import annotations

from qmtwist.mail.shapes import Callable, NamedTuple

SUCCESS, FAILURE, DEFERRAL = b"k", b"d", b"z"
DELIVERY_FIELDS, MESSAGE_FIELDS = 10, 9


class Delivery(NamedTuple):
    """One attempt for one recipient. `recipient` begins with the channel: `local.joe@example.org`."""

    kind: bytes
    birth: bytes
    start: bytes
    end: bytes
    size: bytes
    sender: bytes
    recipient: bytes
    qp: bytes
    uid: bytes
    reason: bytes


class Message(NamedTuple):
    """A message that is gone, with the number of its attempts by how they ended."""

    birth: bytes
    end: bytes
    size: bytes
    successes: bytes
    failures: bytes
    deferrals: bytes
    sender: bytes
    qp: bytes
    uid: bytes


History = Delivery | Message
_MARKS: dict[type, bytes] = {Delivery: b"d ", Message: b"m "}


def word(history: History) -> bytes:
    """Its line, without the end.

    >>> word(Message(b"1.0", b"2.0", b"90", b"1", b"0", b"0", b"<a@b>", b"7", b"1000"))
    b'm 1.0 2.0 90 1 0 0 <a@b> 7 1000'
    """
    return _MARKS[type(history)] + b" ".join(history)


def read(line: bytes) -> History | None:
    """What `word` has written; None for any other line.

    >>> read(b"m 1.0 2.0 90 1 0 0 <a@b> 7 1000").sender
    b'<a@b>'
    >>> read(b"? 1.0 hello")
    """
    fields = line.split()
    if len(fields) >= DELIVERY_FIELDS and fields[0] == b"d":
        return Delivery._make([*fields[1:10], b"_".join(fields[10:])])
    if len(fields) > MESSAGE_FIELDS and fields[0] == b"m":
        return Message._make(fields[1:10])
    return None


Keep = Callable[[History], bool]


def queued_as(qp: bytes) -> Keep:
    """Those of the message with this queueing number."""
    return lambda history: history.qp == qp


def sent_by(address: bytes) -> Keep:
    """Those of the messages from this address, which is written without its angle brackets."""
    sender = b"<" + address + b">"
    return lambda history: history.sender == sender


def sent_to(recipient: bytes) -> Keep:
    """The deliveries to `channel.address`."""
    return lambda history: isinstance(history, Delivery) and history.recipient == recipient
