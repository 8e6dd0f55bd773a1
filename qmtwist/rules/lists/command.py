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
    """`verb` is `subscribe`, `unsubscribe`, `get`, `index`, `help`, or empty for what nobody understands; `target` is
    whose subscription it is about. With a `ticket` the change is confirmed, if that is valid. `get` is for one message
    if `last` is 0; `index` for the latest messages if `number` is -1.
    """

    verb: bytes
    target: bytes = b""
    ticket: Ticket | None = None
    number: int = 0
    last: int = 0


_CONFIRMED = {b"sc": b"subscribe", b"uc": b"unsubscribe"}


def parse(action: bytes, sender: bytes) -> Command:
    """What the part of an address behind the list's name and a `-` asks for.

    >>> parse(b"subscribe-al=q.r", b"joe@x.y")
    Command(verb=b'subscribe', target=b'al@q.r', ticket=None, number=0, last=0)
    >>> parse(b"get.12", b"joe@x.y").number, parse(b"frobnicate", b"joe@x.y").verb
    (12, b'')
    >>> parse(b"get.12_20", b"joe@x.y").last, parse(b"index", b"joe@x.y").number
    (20, -1)
    """
    word, dash, rest = action.partition(b"-")
    verb, *parts = word.lower().split(b".")
    target = unboxed(rest) if dash else sender
    if verb in _CONFIRMED and len(parts) == 2 and dash and target:
        return Command(_CONFIRMED[verb], target, Ticket(*parts))
    if verb in (b"subscribe", b"unsubscribe") and not parts and target:
        return Command(verb, target)
    return _for_archive(verb, b".".join(parts), sender) or Command(b"help" if verb == b"help" else b"", sender)


def _for_archive(verb: bytes, what: bytes, sender: bytes) -> Command | None:
    """A command that asks for messages, or for what there is."""
    if verb == b"index" and not what:
        return Command(verb, sender, number=-1)
    first, line, last = what.partition(b"_")
    numbers = [first, last] if line and verb == b"get" else [what]
    if verb not in (b"get", b"index") or not all(text.isdigit() and len(text) < 10 for text in numbers):
        return None
    return Command(verb, sender, None, *map(int, numbers))


def is_valid(ticket: Ticket, key: bytes, target: bytes, action: bytes, now: int, valid_s: int) -> bool:
    """Whether a ticket was given by us, for this, and not too long ago."""
    if not ticket.date.isdigit() or len(ticket.date) > 15 or not 0 <= now - int(ticket.date) < valid_s:
        return False
    return is_cookie(ticket.cookie, key, ticket.date, target, action)
