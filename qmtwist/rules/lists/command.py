"""What people ask a list for by writing to one of its addresses. (ezmlm-manage)

What is for the archive is understood by `wanted`.
"""

from __future__ import annotations

from qmtwist.mail.shapes import NamedTuple

from .address import unboxed
from .cookie import is_cookie

CONFIRM_S = 1_000_000
"""How long a confirmation is valid: eleven and a half days."""
EDIT_S = 100_000
"""How long a text that was sent to be edited is taken back: a day and a bit."""
PARTS = (b"digest", b"allow", b"deny")
"""The lists of addresses beside the subscribers, each in a directory of this name."""


class Ticket(NamedTuple):
    """What proves that a message of ours was read: when it was written, and the cookie. `kind` is who was to confirm
    what: `s` and `u` the address itself, that it joins or leaves; `t` and `v` moderators, after that; `r` and `w` the
    moderator who asked for it; `e` who edits a text.
    """

    date: bytes
    cookie: bytes
    kind: bytes = b"s"


class Command(NamedTuple):
    """`verb` is `subscribe`, `unsubscribe`, `query`, `list`, `listn`, `log`, `edit`, `info`, `faq`, `help`, or empty
    for what nobody understands; `target` is whose subscription it is about, or who asks. With a `ticket` the change is
    confirmed, if that is valid. `part` is one of `PARTS` if it is about that and not about the list itself; `word` the
    text that is edited, or what is looked for in the log.
    """

    verb: bytes
    target: bytes = b""
    ticket: Ticket | None = None
    part: bytes = b""
    word: bytes = b""


_CONFIRMED = {
    b"sc": b"subscribe",
    b"tc": b"subscribe",
    b"rc": b"subscribe",
    b"uc": b"unsubscribe",
    b"vc": b"unsubscribe",
    b"wc": b"unsubscribe",
}
_ABOUT_SOMEBODY = (b"subscribe", b"unsubscribe", b"query", b"list", b"listn")
_FOR_THE_SENDER = (b"help", b"info", b"faq")


def parse(action: bytes, sender: bytes) -> Command:
    """What the part of an address behind the list's name and a `-` asks for.

    >>> parse(b"subscribe-al=q.r", b"joe@x.y")[:3]
    (b'subscribe', b'al@q.r', None)
    >>> parse(b"frobnicate", b"joe@x.y").verb
    b''
    >>> parse(b"deny-list", b"joe@x.y").part, parse(b"edit.sub_ok", b"joe@x.y").word
    (b'deny', b'sub_ok')
    """
    first, dash, rest = action.partition(b"-")
    if dash and first.lower() in PARTS:
        found = _parse(rest, sender)
        is_possible = found.verb in _ABOUT_SOMEBODY or found.verb in (b"log", b"help")
        return found._replace(part=first.lower()) if is_possible else Command(b"", sender)
    return _parse(action, sender)


def _parse(action: bytes, sender: bytes) -> Command:
    word, dash, rest = action.partition(b"-")
    verb, *parts = word.lower().split(b".")
    target = unboxed(rest) if dash else sender
    if verb in _CONFIRMED and len(parts) == 2 and dash and target:
        return Command(_CONFIRMED[verb], target, Ticket(parts[0], parts[1], verb[:1]))
    if verb in _ABOUT_SOMEBODY and not parts and target:
        return Command(verb, target)
    if verb == b"ed" and len(parts) == 3:
        return Command(b"edit", sender, Ticket(parts[0], parts[2], b"e"), word=parts[1])
    if verb == b"edit" and len(parts) < 2 and target:
        return Command(verb, target, word=b"".join(parts))
    if verb == b"log":
        more = dash + rest.lower() if not target else b""
        return Command(verb, target or sender, word=b".".join(parts) + more)
    if verb in _FOR_THE_SENDER and not parts:
        return Command(verb, sender)
    return Command(b"", sender)


def is_valid(ticket: Ticket, key: bytes, target: bytes, action: bytes, now: int, valid_s: int) -> bool:
    """Whether a ticket was given by us, for this, and not too long ago."""
    if not ticket.date.isdigit() or len(ticket.date) > 15 or not 0 <= now - int(ticket.date) < valid_s:
        return False
    return is_cookie(ticket.cookie, key, ticket.date, target, action)
