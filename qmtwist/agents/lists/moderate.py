"""Let moderators decide what a list sends. (ezmlm-store, ezmlm-moderate, ezmlm-clean)

The author of a message that is refused or not decided about hears of it if it is a subscriber, or if a moderator wrote
something for them: everybody else's address may be forged, as that of spam is.
"""

from __future__ import annotations

import os

from qmtwist.mail.address import is_sendable
from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import Malformed, Permanent, Temporary, suppress
from qmtwist.mail.shapes import NamedTuple
from qmtwist.rules.lists import answer
from qmtwist.rules.lists.cookie import cookie
from qmtwist.rules.lists.heading import refuse_bounce, refuse_loop
from qmtwist.rules.lists.moderation import STUB_S, Decision, comment, deciding, is_valid, patience_s
from qmtwist.store.lists.directory import ListDirectory
from qmtwist.store.lists.files import give_up
from qmtwist.store.lists.pending import ACCEPTED, PENDING, REJECTED, UNCONFIRMED, Pending
from qmtwist.store.lists.subscribers import Subscribers

from .incoming import Incoming
from .queueing import accepted, begin
from .send import send
from .waiting import list_of, marked

_SHOWN_BYTES = 4 << 20  # of a message that moderators are asked about
_QUOTED_BYTES = 10_000  # of one that its author gets back
_REPLY_BYTES = 65536


class Terms(NamedTuple):
    """What the command line says about messages; None is for what a file in the list's directory decides."""

    confirms: bool | None = None  # their authors have to confirm them
    is_for_moderators: bool | None = None  # only these may write


_USUAL = Terms()


def hold(home: str, directory: str, sender: bytes, now: int, terms: Terms = _USUAL) -> int:
    """Keep the message on descriptor 0 and ask the moderators; the number behind `qp`. Without `modpost` it is sent.

    With `confirmpost` its author is asked before all that.

    :raises Permanent: it is not for this list.
    :raises Temporary: not now; nothing is kept.
    """
    place = ListDirectory(directory)
    if place.has("confirmpost") if terms.confirms is None else terms.confirms:
        from .asking import ask_author

        return ask_author(home, place, sender, now)
    if not place.has("modpost"):
        return send(home, directory, sender)
    refuse_bounce(sender)
    of = list_of(place)
    mark = b"moderator for " + of.address()
    incoming = Incoming()
    for known in (mark, b"mailing list " + of.address()):
        refuse_loop(incoming.fields, known)
    people = Subscribers(place.optional_line("modpost").decode("utf-8", "surrogateescape") or "mod")
    moderators = tuple(people)
    if not moderators:
        raise Temporary("there are no moderators")
    is_closed = place.has("modpostonly") if terms.is_for_moderators is None else terms.is_for_moderators
    if is_closed and not _is_on(people, sender):
        raise Permanent("only moderators may write to this list", "5.7.2")
    name = f"{now}.{os.getpid()}"
    pending = Pending(directory)
    pending.keep(name, marked(incoming, sender, mark))
    try:
        return _ask(home, place, of, name, moderators, now)
    except BaseException:
        pending.drop(name)
        raise


def _ask(home: str, place: ListDirectory, of: answer.List, name: str, moderators: tuple[bytes, ...], now: int) -> int:
    """Write to the moderators."""
    key, ident = place.key(), os.fsencode(name)
    accept, reject = (of.address(deciding(word, ident, key)) for word in (b"accept", b"reject"))
    text = answer.fill(of, place.text("mod-request"), accept, reject)
    letter = answer.Letter(
        of.address(b"owner"), of.fill(place.phrase("SUB_MODERATE")), now, os.getpid(), reply_to=accept
    )
    return write(home, place, of, letter._replace(author=reject), text, _read(place, name, _SHOWN_BYTES), moderators)


def _read(place: ListDirectory, name: str, limit_bytes: int) -> bytes:
    path = Pending(place.path).path(name)
    try:
        with open(path, "rb", buffering=0) as stream:
            return stream.read(limit_bytes)
    except OSError as error:
        give_up(f"unable to read {path}", error)


def write(
    home: str,
    place: ListDirectory,
    of: answer.List,
    letter: answer.Letter,
    text: bytes,
    message: bytes,
    recipients: tuple[bytes, ...],
) -> int:
    """Queue a letter with a message in it."""
    boundary = cookie(place.key(), b"%d" % letter.now, letter.to, b"b")
    with begin(home) as submission:
        submission.write(answer.head(of, letter._replace(boundary=boundary), [], text))
        submission.write(answer.text_part(boundary, text) + answer.message_part(boundary, message))
        submission.write(answer.last_boundary(boundary))
        return accepted(submission.finish(Envelope(of.address(b"return-"), recipients)))


def decide(home: str, directory: str, decision: Decision, now: int) -> str:
    """Do what a moderator, whose letter is on descriptor 0, wants; what became of the message.

    :raises Permanent: that cannot be done, and the moderator should know.
    :raises Temporary: not now.
    """
    place = ListDirectory(directory)
    if not is_valid(decision, place.key()):
        raise Permanent("I do not know this address", "5.1.1")
    pending, name = Pending(directory), os.fsdecode(decision.name)
    wanted = ACCEPTED if decision.word == b"accept" else REJECTED
    with pending.lock():
        state = pending.state(name)
        if not state or state == UNCONFIRMED:
            raise Permanent("the message is not there any more: nobody decided in time", "5.7.0")
        if state not in (PENDING, wanted):
            raise Permanent(f"the message has been {state} already", "5.7.0")
        if state == PENDING and wanted == ACCEPTED:
            _post(home, directory, pending, name)
        elif state == PENDING:
            _tell(home, place, name, "mod-reject", now, comment(Incoming().whole(_REPLY_BYTES)))
        if state == PENDING:
            pending.settle(name, wanted)
    return wanted


def _post(home: str, directory: str, pending: Pending, name: str) -> None:
    """Send it as ezmlm-send does. If we die before it is settled it may be sent twice, but never not at all."""
    sender = pending.sender(name)
    try:
        descriptor = os.open(pending.path(name), os.O_RDONLY | os.O_CLOEXEC)
        os.dup2(descriptor, 0)
        os.close(descriptor)
    except OSError as error:
        give_up(f"unable to read {pending.path(name)}", error)
    send(home, directory, sender)


def _tell(home: str, place: ListDirectory, name: str, text: str, now: int, remark: bytes = b"") -> None:
    """Write to the author of a message that is not sent."""
    author = Pending(place.path).sender(name)
    if not is_sendable(author) or b"@" not in author or not (remark or _is_on(Subscribers(place.path), author)):
        return
    of = list_of(place)
    letter = answer.Letter(author, of.fill(place.phrase("SUB_RETURNED_POST")), now, os.getpid())
    said = answer.fill(of, place.text(text), author, b"") + (b"\n" + remark if remark else b"")
    write(home, place, of, letter, said, _read(place, name, _QUOTED_BYTES), (author,))


def _is_on(people: Subscribers, address: bytes) -> bool:
    with suppress(Malformed):
        return people.has(address)
    return False


def clean(home: str, directory: str, now: int, tells: bool | None = None) -> None:
    """Remove what nobody decided about in time, and what was decided long ago.

    Authors hear of it if `tells`, or without `noreturnposts`; those who have not confirmed a message do not.

    :raises Temporary: not all of it, now.
    """
    place, pending = ListDirectory(directory), Pending(directory)
    if tells is None:
        tells = not place.has("noreturnposts")
    patience = patience_s(place.optional_line("modtime") or place.optional_line("mod/modtime"))
    with pending.lock():
        for waiting in pending:
            if now - waiting.time < (patience if waiting.state in (PENDING, UNCONFIRMED) else STUB_S):
                continue
            if waiting.state == PENDING and waiting.is_complete and tells:
                _tell(home, place, waiting.name, "mod-timeout", now)
            pending.drop(waiting.name, waiting.state)
