"""NUL-ended records: todo files, logins. (qmail INTERNALS)"""

from __future__ import annotations

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import NamedTuple

DIGITS_LIMIT = 20


class TodoEntry(NamedTuple):
    """What a todo file says: who queued the message, and its envelope."""

    uid: int
    pid: int
    envelope: Envelope


def encode_todo(entry: TodoEntry) -> bytes:
    """The content of intd/N and todo/N (no final extra NUL)."""
    sender, recipients = entry.envelope
    return b"u%d\0p%d\0F%s\0%s" % (
        entry.uid, entry.pid, sender, b"".join([b"T%s\0" % r for r in recipients]),
    )  # fmt: skip


def parse_todo(data: bytes) -> TodoEntry:
    """The meaning of a todo file; records in any order, as qmail-send takes them.

    :raises Malformed: an unknown record, a record without its NUL, or no sender.
    """
    if data and data[-1:] != b"\0":
        raise Malformed("unterminated record")
    uid = pid = 0
    sender: bytes | None = None
    recipients: list[bytes] = []
    for record in data.split(b"\0")[:-1]:
        kind, value = record[:1], record[1:]
        if kind == b"T":
            recipients.append(value)
        elif kind == b"F":
            sender = value
        elif kind == b"u":
            uid = _number(value)
        elif kind == b"p":
            pid = _number(value)
        else:
            raise Malformed("unknown record type")
    if sender is None:
        raise Malformed("no sender")
    return TodoEntry(uid, pid, Envelope(sender, tuple(recipients)))


def glance_todo(data: bytes) -> tuple[int, int, bytes | None]:
    """uid, pid and sender as far as a damaged todo file tells them before its first bad record."""
    uid = pid = 0
    sender = None
    for record in data.split(b"\0")[:-1]:
        kind, value = record[:1], record[1:]
        if kind == b"F":
            sender = value
        elif kind == b"u" and _is_number(value):
            uid = int(value)
        elif kind == b"p" and _is_number(value):
            pid = int(value)
        elif kind != b"T":
            break
    return uid, pid, sender


def _number(digits: bytes) -> int:
    if not _is_number(digits):
        raise Malformed("not a number")
    return int(digits)


def _is_number(digits: bytes) -> bool:
    """No process or user has more digits, and Python refuses to read thousands of them."""
    return digits.isdigit() and len(digits) <= DIGITS_LIMIT
