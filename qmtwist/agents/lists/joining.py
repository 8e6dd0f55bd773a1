"""Put somebody on a list or take them off it, when everybody has agreed who must. (ezmlm-manage)"""

from __future__ import annotations

from qmtwist.mail.errors import MailError, Permanent, Temporary, suppress
from qmtwist.rules.lists.address import subscriber
from qmtwist.rules.lists.administration import asked
from qmtwist.rules.lists.command import CONFIRM_S, Ticket, is_valid

from .saying import Desk, Saying

_BESIDE = (b"allow", b"deny")
_TEXTS = {
    b"s": "sub-confirm",
    b"u": "unsub-confirm",
    b"t": "mod-sub-confirm",
    b"r": "mod-sub-confirm",
    b"v": "mod-unsub-confirm",
    b"w": "mod-unsub-confirm",
}


def change(desk: Desk) -> Saying | None:
    """What is said to who wants to join or leave, or has confirmed it; None if that is nothing.

    :raises Permanent: nobody has been asked for this confirmation.
    :raises Temporary: not now.
    """
    command, ticket = desk.command, desk.command.ticket
    standing = desk.standing()
    if ticket is not None and not _is_valid(desk, ticket):
        if ticket.kind not in (b"s", b"u") and not (standing.is_moderator and standing.is_remote):
            raise Permanent("I do not know this address", "5.1.1")
        again = _ask(desk, ticket.kind, "sub-bad" if command.verb == b"subscribe" else "unsub-bad")
        return again._replace(to=again.to and (desk.moderators.known(desk.request.sender) or b"",))
    kind = asked(command.verb == b"subscribe", ticket.kind if ticket else b"", standing, desk.wishes)
    if kind:
        return _ask(desk, kind, _TEXTS[kind])
    event = _carry_out(desk, ticket)
    saying = None if command.part in _BESIDE else _tell(desk, ticket, bool(event), standing.is_moderator)
    if saying is None:
        note(desk, event)
    return saying and saying._replace(event=event)


def _is_valid(desk: Desk, ticket: Ticket) -> bool:
    return is_valid(ticket, desk.key(), desk.command.target, ticket.kind, desk.request.now, CONFIRM_S)


def _ask(desk: Desk, kind: bytes, text: str) -> Saying:
    """Ask for a confirmation: the address itself, the moderators, or the moderator who wrote."""
    who = "USR" if kind in (b"s", b"u") else "MOD"
    what = "SUBSCRIBE" if desk.command.verb == b"subscribe" else "UNSUBSCRIBE"
    is_first = kind == b"s" and desk.moderators.is_moderated
    saying = Saying((text, "sub-moderated") if is_first else (text,), desk.subject(f"SUB_{who}_{what}"), kind)
    if kind in (b"t", b"v"):
        return saying._replace(to=_moderators(desk))
    if kind in (b"r", b"w"):
        return saying._replace(to=(desk.moderators.known(desk.request.sender) or b"",))
    return saying


def _moderators(desk: Desk) -> tuple[bytes, ...]:
    found = desk.moderators.everybody()
    if not found:
        raise Temporary("there are no moderators")
    return found


def _carry_out(desk: Desk, ticket: Ticket | None) -> bytes:
    """What has become of the subscription; empty if nothing has."""
    people, target = desk.people, desk.command.target
    is_joining = desk.command.verb == b"subscribe"
    changed = people.add([target]) if is_joining else people.remove([target])
    by = b"mod" if ticket and ticket.kind in (b"r", b"w") else b""
    return (b"+" if is_joining else b"-") + by if changed else b""


def note(desk: Desk, event: bytes) -> None:
    """Write into the log what has become of a subscription, unless that is nothing."""
    if event:
        desk.people.note(event, [subscriber(desk.command.target)], desk.request.now)


def undo(desk: Desk, event: bytes) -> None:
    """Make a subscription what it was, if the disk lets us; otherwise the next attempt finds it done."""
    with suppress(MailError):
        if event.startswith(b"+"):
            desk.people.remove([desk.command.target])
        elif event:
            desk.people.add([desk.command.target])


def _tell(desk: Desk, ticket: Ticket | None, changed: bool, is_moderator: bool) -> Saying | None:
    """Say what has become of it. What a moderator did is told to the address only if something has changed."""
    is_joining = desk.command.verb == b"subscribe"
    word = "sub" if is_joining else "unsub"
    by_moderator = ticket is not None and ticket.kind not in (b"s", b"u")
    if not changed:
        saying = Saying((f"{word}-nop",))
        if by_moderator:
            is_asking = ticket is not None and ticket.kind in (b"r", b"w") and is_moderator
            return saying._replace(to=(desk.request.sender,)) if is_asking else None
        return saying._replace(copies=_owner(desk, 2 if is_joining else 1))
    subject = desk.subject("SUB_WELCOME" if is_joining else "SUB_GOODBYE")
    saying = Saying((f"{word}-ok",), subject, is_discreet=by_moderator, copies=_owner(desk, 2))
    if desk.wishes.tells or (ticket is not None and not by_moderator):
        return saying
    return saying._replace(to=saying.copies, copies=()) if saying.copies else None


def _owner(desk: Desk, least: int) -> tuple[bytes, ...]:
    """The list's owner, if that is what they want to hear."""
    if desk.wishes.copies < least:
        return ()
    return (desk.place.line("outlocal") + b"-owner@" + desk.place.line("outhost"),)
