"""What people ask a list for by writing to one of its addresses. (ezmlm-manage)"""

from __future__ import annotations

from qmtwist.mail.shapes import NamedTuple

from .address import unboxed
from .cookie import is_cookie

CONFIRM_S = 1_000_000
"""How long a confirmation is valid: eleven and a half days."""


class Ticket(NamedTuple):
    """What proves that a message of ours was read: when it was written, and the cookie."""

    date: bytes
    cookie: bytes


class Command(NamedTuple):
    """`verb` is `subscribe`, `unsubscribe`, `get`, `help`, or empty for what nobody understands; `target` is whose
    subscription it is about. With a `ticket` the change is confirmed, if that is valid.
    """

    verb: bytes
    target: bytes = b""
    ticket: Ticket | None = None
    number: int = 0


_CONFIRMED = {b"sc": b"subscribe", b"uc": b"unsubscribe"}


def parse(action: bytes, sender: bytes) -> Command:
    """What the part of an address behind the list's name and a `-` asks for.

    >>> parse(b"subscribe-al=q.r", b"joe@x.y")
    Command(verb=b'subscribe', target=b'al@q.r', ticket=None, number=0)
    >>> parse(b"get.12", b"joe@x.y").number, parse(b"frobnicate", b"joe@x.y").verb
    (12, b'')
    """
    word, dash, rest = action.partition(b"-")
    verb, *parts = word.lower().split(b".")
    target = unboxed(rest) if dash else sender
    if verb in _CONFIRMED and len(parts) == 2 and dash and target:
        return Command(_CONFIRMED[verb], target, Ticket(*parts))
    if verb in (b"subscribe", b"unsubscribe") and not parts and target:
        return Command(verb, target)
    if verb == b"get" and len(parts) == 1 and parts[0].isdigit() and len(parts[0]) < 10:
        return Command(verb, sender, number=int(parts[0]))
    return Command(b"help" if verb == b"help" else b"", sender)


def is_valid(ticket: Ticket, key: bytes, target: bytes, action: bytes, now: int, valid_s: int) -> bool:
    """Whether a ticket was given by us, for this, and not too long ago."""
    if not ticket.date.isdigit() or len(ticket.date) > 15 or not 0 <= now - int(ticket.date) < valid_s:
        return False
    return is_cookie(ticket.cookie, key, ticket.date, target, action)
