"""Answer the message on descriptor 0, which asks a list for something. (ezmlm-manage)

A stranger can make a list write to people who have asked for nothing: whoever forges a sender, or names another's
address. So what nobody understands is answered only to subscribers, and once a day, and so much of the archive at once
goes to nobody else; a confirmation that somebody else
asked for is sent once an hour, with little of their message; everything else goes to the sender.
"""

from __future__ import annotations

import os

from qmtwist.agents.submit.submission import Submission
from qmtwist.mail.address import is_sendable
from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import Malformed, Permanent, Temporary, suppress
from qmtwist.mail.header import Field
from qmtwist.mail.reasons import reason
from qmtwist.mail.shapes import NamedTuple
from qmtwist.rules.lists import answer, heading, oneclick
from qmtwist.rules.lists.address import boxed
from qmtwist.rules.lists.command import CONFIRM_S, Command, is_valid, parse
from qmtwist.rules.lists.cookie import cookie
from qmtwist.rules.lists.entries import shown_index
from qmtwist.store.answered import Answered
from qmtwist.store.durable import read
from qmtwist.store.lists.archive import kept_path
from qmtwist.store.lists.directory import ListDirectory
from qmtwist.store.lists.files import give_up
from qmtwist.store.lists.subscribers import Subscribers

from .fetch import index_of, messages
from .incoming import Incoming
from .oneclick import leave
from .queueing import accepted, begin

_DAY_S, _HOUR_S = 86400, 3600
_ANSWERED = "answered"  # who has had an answer, as vacation notes it


class Request(NamedTuple):
    """Who wrote, and to which address."""

    sender: bytes
    local: bytes
    now: int


class _Saying(NamedTuple):
    """What an answer says: a text by its name, or one that is made."""

    text: str
    subject: bytes = b"ezmlm response"
    confirms: bytes = b""  # `sc` or `uc`: a new confirmation is asked for
    body: bytes | None = None
    is_personal: bool = True
    messages: tuple[bytes, ...] = ()


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


def manage(home: str, directory: str, request: Request, is_guarded: bool = False) -> int | None:
    """Do what is asked, and answer; the number behind `qp`, or None if there is no answer.

    With `is_guarded` the archive is for subscribers only.

    :raises Permanent: it is not to be answered, and its sender should know.
    :raises Temporary: not now.
    """
    heading.refuse_bounce(request.sender)
    heading.refuse_nameless(request.sender)
    place = ListDirectory(directory)
    action = _action(place.line("inlocal"), request.local)
    command = parse(action, request.sender)
    if not place.has("public"):
        raise Permanent("Sorry, I've been told to reject all requests", "5.7.2")
    if (click := oneclick.parse(action)) is not None:
        return leave(home, place, click, request.sender, request.now)
    if not is_sendable(request.sender) or not is_sendable(command.target):
        raise Permanent("I do not write to such addresses", "5.1.3")
    if _is_for_subscribers(command, is_guarded) and not _is_subscriber(place, request.sender):
        return None
    of = answer.List(place.line("outlocal"), place.line("outhost"), place.line("mailinglist"))
    with begin(home) as submission:
        incoming = Incoming()
        heading.refuse_loop(incoming.fields, of.mark)
        saying = _carry_out(place, command, request.now)
        with _Seldom(place, _occasion(command, request, saying), request.now) as may_answer:
            return _answer(place, of, submission, incoming, command, request, saying) if may_answer else None


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


def _carry_out(place: ListDirectory, command: Command, now: int) -> _Saying:
    if command.verb in ARCHIVE:
        return _fetch(place, command)
    if not command.target or command.verb not in (b"subscribe", b"unsubscribe"):
        return _Saying("help", is_personal=False)
    is_joining = command.verb == b"subscribe"
    letter, short = (b"s", "sub") if is_joining else (b"u", "unsub")
    confirms = letter + b"c"
    if command.ticket is None:
        word = b"subscribe to " if is_joining else b"unsubscribe from "
        return _Saying(short + "-confirm", b"confirm " + word + _name(place), confirms)
    if not is_valid(command.ticket, place.key(), command.target, letter, now, CONFIRM_S):
        word = b"subscribe to " if is_joining else b"unsubscribe from "
        return _Saying(short + "-bad", b"confirm " + word + _name(place), confirms)
    people = Subscribers(place.path)
    changed = people.add([command.target]) if is_joining else people.remove([command.target])
    people.note(b"+" if is_joining else b"-", changed, now)
    if not changed:
        return _Saying(short + "-nop")
    return _Saying(short + "-ok", (b"WELCOME to " if is_joining else b"GOODBYE from ") + _name(place))


def _name(place: ListDirectory) -> bytes:
    return place.line("outlocal") + b"@" + place.line("outhost")


def _fetch(place: ListDirectory, command: Command) -> _Saying:
    """:raises Temporary: it is there, and cannot be read."""
    last = place.number().last
    number = command.number
    if command.verb == b"index":
        lines = shown_index(index_of(place.path, (last if number < 0 else number) // 100)) if number <= last else b""
        return _Saying("", body=lines) if lines else _Saying("get-bad")
    if command.last:
        found = tuple(messages(place.path, max(number, 1), min(command.last, last)))
        return _Saying("", body=b"", messages=found) if found else _Saying("get-bad")
    path = kept_path(place.path, number) if 0 < number <= last else None
    if path is None:
        return _Saying("get-bad")
    try:
        return _Saying("", body=answer.quoted(read(path)))
    except OSError as error:
        give_up(f"unable to read {path}", error)


def _occasion(command: Command, request: Request, saying: _Saying) -> tuple[bytes, int]:
    """What is answered once in so many seconds; nothing for what is answered always."""
    if not command.verb:
        return request.sender, _DAY_S
    if saying.confirms and command.target.lower() != request.sender.lower():
        return b"confirm:" + command.target, _HOUR_S
    return b"", 0


class _Seldom:
    """Whether an answer goes out now; then it is on disk that it has, until it turns out that it has not."""

    def __init__(self, place: ListDirectory, occasion: tuple[bytes, int], now: int) -> None:
        self._what, self._period_s = occasion
        self._now = now
        self._answered = Answered(f"{place.path}/{_ANSWERED}")

    def __enter__(self) -> bool:
        try:
            return not self._what or self._answered.claim(self._what, self._now, self._period_s, _DAY_S)
        except OSError as error:
            raise Temporary(f"unable to use {_ANSWERED}: {reason(error).decode()}") from error

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None and self._what:
            with suppress(OSError):  # then it comes when the time is over
                self._answered.forget(self._what)


def _answer(
    place: ListDirectory,
    of: answer.List,
    submission: Submission,
    incoming: Incoming,
    command: Command,
    request: Request,
    saying: _Saying,
) -> int:
    """Write and queue it."""
    target, now = command.target, request.now
    confirmation = b""
    if saying.confirms:
        number = cookie(place.key(), b"%d" % now, target, saying.confirms)
        confirmation = of.address(b"%s.%d.%s-%s" % (saying.confirms, now, number, boxed(target)))
    middle = answer.fill(of, place.text(saying.text), target, confirmation) if saying.body is None else saying.body
    top, bottom = of.fill(place.text("top")) + middle, of.fill(place.text("bottom"))
    boundary = cookie(place.key(), b"%d" % now, target, b"b") if saying.messages else b""
    letter = answer.Letter(target, saying.subject, now, os.getpid(), b"ezmlm", confirmation, saying.is_personal)
    letter = letter._replace(boundary=boundary)
    fields: list[Field] = incoming.fields
    submission.write(answer.head(of, letter, fields, top + bottom))
    is_own = target.lower() == request.sender.lower()
    limit = answer.OWN_REQUEST_BYTES if is_own else answer.OTHER_REQUEST_BYTES
    bottom += answer.request_copy(request.sender, incoming.whole(limit), limit)
    if boundary:
        submission.write(answer.text_part(boundary, top))
        for message in saying.messages:
            submission.write(answer.message_part(boundary, message))
        submission.write(answer.text_part(boundary, bottom) + answer.last_boundary(boundary))
    else:
        submission.write(top + bottom)
    return accepted(submission.finish(Envelope(of.address(b"return-"), (target,))))
