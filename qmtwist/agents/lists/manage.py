"""Answer the message on descriptor 0, which asks a list for something. (ezmlm-manage)

A stranger can make a list write to people who have asked for nothing: whoever forges a sender, or names another's
address. So what nobody understands is answered only to subscribers, and once a day, and so much of the archive at once
goes to nobody else; a confirmation that somebody else asked for is sent once an hour, with little of their message;
what is for moderators goes to the address of one that the list has; everything else goes to the sender.
"""

from __future__ import annotations

from qmtwist.agents.submit.submission import Submission
from qmtwist.mail.address import is_sendable
from qmtwist.mail.errors import Malformed, Permanent, suppress
from qmtwist.rules.lists import answer, heading, oneclick
from qmtwist.rules.lists.address import behind
from qmtwist.rules.lists.administration import Wishes
from qmtwist.rules.lists.command import Command, parse
from qmtwist.rules.lists.wanted import Wanted
from qmtwist.rules.lists.wanted import parse as parse_wanted
from qmtwist.store.lists.directory import ListDirectory
from qmtwist.store.lists.subscribers import Subscribers

from .administer import administer, inform, understood
from .incoming import Incoming
from .joining import change, note, undo
from .moderators import Moderators
from .oneclick import leave
from .queueing import begin
from .replying import reply
from .returned import DIGEST, Arrival, take_back
from .saying import Desk, Request, Saying
from .seldom import Seldom, occasion

_USUAL = Wishes()


def action_of(directory: str, local: bytes) -> bytes:
    """The part of an address behind the list's name and a `-`.

    :raises Permanent: it is not an address of this list.
    :raises Temporary: that cannot be told now.
    """
    return behind(ListDirectory(directory).line("inlocal"), local)


def manage(home: str, directory: str, request: Request, wishes: Wishes = _USUAL) -> int | None:
    """Do what is asked, and answer; the number behind `qp`, or None if there is no answer.

    :raises Permanent: it is not to be answered, and its sender should know.
    :raises Temporary: not now.
    """
    place = ListDirectory(directory)
    action = behind(place.line("inlocal"), request.local)
    if action.lower().startswith(DIGEST):
        take_back(directory, Arrival(request.sender, request.local, request.now))
        return None
    heading.refuse_bounce(request.sender)
    heading.refuse_nameless(request.sender)
    if action.lower() == b"request":
        from .requesting import requested

        action = requested(place)
    if wishes.fetches and (wanted := parse_wanted(action)) is not None:
        return _retrieve(home, directory, request, wanted, wishes)
    desk = _desk(place, parse(action, request.sender), request, wishes)
    if not place.has("public") and desk.command.verb != b"help" and not desk.is_administrator():
        raise Permanent("Sorry, I've been told to reject all requests", "5.7.2")
    if (click := oneclick.parse(action)) is not None:
        return leave(home, place, click, request.sender, request.now)
    if not is_sendable(request.sender) or not is_sendable(desk.command.target):
        raise Permanent("I do not write to such addresses", "5.1.3")
    desk = desk._replace(command=understood(desk))
    if not desk.command.verb and not _is_subscriber(place, request.sender):
        return None
    with begin(home) as submission:
        incoming = Incoming()
        heading.refuse_loop(incoming.fields, desk.of.mark)
        saying = _carry_out(desk, incoming)
        if saying is None:
            return None
        return _say(desk, submission, incoming, saying)


def _say(desk: Desk, submission: Submission, incoming: Incoming, saying: Saying) -> int | None:
    """Queue it. A change of which nobody would hear is taken back, so that the next attempt makes it and tells it."""
    try:
        with Seldom(desk.place, occasion(desk, saying), desk.request.now) as may_answer:
            number = reply(desk, submission, incoming, saying) if may_answer else None
    except BaseException:
        undo(desk, saying.event)
        raise
    note(desk, saying.event)
    return number


def _desk(place: ListDirectory, command: Command, request: Request, wishes: Wishes) -> Desk:
    """The desk for a command; a list of addresses beside the list has a name of its own."""
    main = place.line("outlocal")
    local = main + (b"-" + command.part if command.part else b"")
    of = answer.List(local, place.line("outhost"), place.line("mailinglist"), main)
    return Desk(place, of, command, request, wishes, Moderators(place))


def _retrieve(home: str, directory: str, request: Request, wanted: Wanted, wishes: Wishes) -> int | None:
    from .retrieve import Asking, Terms, retrieve

    return retrieve(home, directory, Asking(request.sender, request.now), wanted, Terms(has_bottom=wishes.shows))


def _is_subscriber(place: ListDirectory, sender: bytes) -> bool:
    with suppress(Malformed):
        return Subscribers(place.path).has(sender)
    return False


def _carry_out(desk: Desk, incoming: Incoming) -> Saying | None:
    command = desk.command
    if command.verb in (b"subscribe", b"unsubscribe"):
        return change(desk)
    if command.verb in (b"list", b"listn", b"log", b"edit"):
        return administer(desk, incoming)
    return inform(desk)
