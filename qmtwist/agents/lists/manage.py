"""Answer the message on descriptor 0, which asks a list for something. (ezmlm-manage)

A stranger can make a list write to people who have asked for nothing: whoever forges a sender, or names another's
address. So what nobody understands is answered only to subscribers, and once a day, and so much of the archive at once
goes to nobody else; a confirmation that somebody else asked for is sent once an hour, with little of their message;
what is for moderators goes to the address of one that the list has; everything else goes to the sender.
"""

from __future__ import annotations

from qmtwist.mail.address import is_sendable
from qmtwist.mail.errors import Malformed, Permanent, suppress
from qmtwist.rules.lists import answer, heading, oneclick
from qmtwist.rules.lists.administration import Wishes
from qmtwist.rules.lists.command import Command, parse
from qmtwist.rules.lists.entries import shown_index
from qmtwist.store.durable import read
from qmtwist.store.lists.archive import kept_path
from qmtwist.store.lists.directory import ListDirectory
from qmtwist.store.lists.files import give_up
from qmtwist.store.lists.subscribers import Subscribers

from .administer import administer, inform, understood
from .fetch import index_of, messages
from .incoming import Incoming
from .joining import change
from .moderators import Moderators
from .oneclick import leave
from .queueing import begin
from .replying import reply
from .saying import Desk, Request, Saying
from .seldom import Seldom, occasion

_USUAL = Wishes()
ARCHIVE = (b"get", b"index")
"""The commands that change nothing and are for the archive."""


def action_of(directory: str, local: bytes) -> bytes:
    """The part of an address behind the list's name and a `-`.

    :raises Permanent: it is not an address of this list.
    :raises Temporary: that cannot be told now.
    """
    return _action(ListDirectory(directory).line("inlocal"), local)


def is_for_archive(directory: str, request: Request) -> bool:
    """Whether a request is one of `ARCHIVE`.

    :raises Permanent: it is not to an address of this list.
    :raises Temporary: that cannot be told now.
    """
    return parse(action_of(directory, request.local), request.sender).verb in ARCHIVE


def manage(
    home: str, directory: str, request: Request, is_guarded: bool = False, wishes: Wishes = _USUAL
) -> int | None:
    """Do what is asked, and answer; the number behind `qp`, or None if there is no answer.

    With `is_guarded` the archive is for subscribers only.

    :raises Permanent: it is not to be answered, and its sender should know.
    :raises Temporary: not now.
    """
    heading.refuse_bounce(request.sender)
    heading.refuse_nameless(request.sender)
    place = ListDirectory(directory)
    action = _action(place.line("inlocal"), request.local)
    desk = _desk(place, parse(action, request.sender), request, wishes)
    if not place.has("public") and desk.command.verb != b"help" and not desk.is_administrator():
        raise Permanent("Sorry, I've been told to reject all requests", "5.7.2")
    if (click := oneclick.parse(action)) is not None:
        return leave(home, place, click, request.sender, request.now)
    if not is_sendable(request.sender) or not is_sendable(desk.command.target):
        raise Permanent("I do not write to such addresses", "5.1.3")
    desk = desk._replace(command=understood(desk))
    if _is_for_subscribers(desk.command, is_guarded) and not _is_subscriber(place, request.sender):
        return None
    with begin(home) as submission:
        incoming = Incoming()
        heading.refuse_loop(incoming.fields, desk.of.mark)
        saying = _carry_out(desk, incoming)
        if saying is None:
            return None
        with Seldom(place, occasion(desk, saying), request.now) as may_answer:
            return reply(desk, submission, incoming, saying) if may_answer else None


def _desk(place: ListDirectory, command: Command, request: Request, wishes: Wishes) -> Desk:
    """The desk for a command; a list of addresses beside the list has a name of its own."""
    local = place.line("outlocal") + (b"-" + command.part if command.part else b"")
    of = answer.List(local, place.line("outhost"), place.line("mailinglist"))
    return Desk(place, of, command, request, wishes, Moderators(place))


def _action(inlocal: bytes, local: bytes) -> bytes:
    """:raises Permanent: it is not an address of this list."""
    start = inlocal + b"-"
    if not local.lower().startswith(start.lower()):
        raise Permanent("I do not accept messages at this address", "5.1.1")
    return local[len(start) :]


def _is_for_subscribers(command: Command, is_guarded: bool) -> bool:
    """What is no command, and what is a lot: a hundred messages could be meant for somebody else."""
    return not command.verb or command.last > 0 or (is_guarded and command.verb in ARCHIVE)


def _is_subscriber(place: ListDirectory, sender: bytes) -> bool:
    with suppress(Malformed):
        return Subscribers(place.path).has(sender)
    return False


def _carry_out(desk: Desk, incoming: Incoming) -> Saying | None:
    command = desk.command
    if command.verb in ARCHIVE:
        return _fetch(desk.place, command)
    if command.verb in (b"subscribe", b"unsubscribe"):
        return change(desk)
    if command.verb in (b"list", b"listn", b"log", b"edit"):
        return administer(desk, incoming)
    return inform(desk)


def _fetch(place: ListDirectory, command: Command) -> Saying:
    """:raises Temporary: it is there, and cannot be read."""
    last = place.number().last
    number = command.number
    if command.verb == b"index":
        lines = shown_index(index_of(place.path, (last if number < 0 else number) // 100)) if number <= last else b""
        return Saying(body=lines) if lines else Saying(("get-bad",))
    if command.last:
        found = tuple(messages(place.path, max(number, 1), min(command.last, last)))
        return Saying(messages=found) if found else Saying(("get-bad",))
    path = kept_path(place.path, number) if 0 < number <= last else None
    if path is None:
        return Saying(("get-bad",))
    try:
        return Saying(body=answer.quoted(read(path)))
    except OSError as error:
        give_up(f"unable to read {path}", error)
