"""Let authors confirm that they wrote a message, before it is sent. (ezmlm-store, ezmlm-confirm)

Whoever forges a sender makes the list write to somebody who has nothing to do with it; so that letter has little of the
message.
"""

from __future__ import annotations

import os

from qmtwist.mail.address import is_sendable
from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import Permanent, Temporary
from qmtwist.rules.lists import answer
from qmtwist.rules.lists.heading import refuse_bounce, refuse_loop, refuse_nameless
from qmtwist.rules.lists.moderation import Decision, deciding, is_valid
from qmtwist.store.lists.directory import ListDirectory
from qmtwist.store.lists.files import give_up
from qmtwist.store.lists.pending import UNCONFIRMED, Pending

from .incoming import Incoming
from .moderate import Terms, hold, list_of, marked
from .queueing import accepted, begin

_SHOWN_BYTES = 2_000  # of a message, in the letter that asks its author
_CONFIRMED = Terms(confirms=False)


def ask_author(home: str, place: ListDirectory, sender: bytes, now: int) -> int:
    """Keep the message on descriptor 0 and write to who sent it; the number behind `qp`.

    :raises Permanent: it is not for this list.
    :raises Temporary: not now; nothing is kept.
    """
    refuse_bounce(sender)
    refuse_nameless(sender)
    if not is_sendable(sender):
        raise Permanent("I do not write to such addresses", "5.1.3")
    of = list_of(place)
    mark = b"confirmer for " + of.address()
    incoming = Incoming()
    for known in (mark, b"mailing list " + of.address()):
        refuse_loop(incoming.fields, known)
    name = f"{now}.{os.getpid()}"
    pending = Pending(place.path)
    shown = incoming.start[:_SHOWN_BYTES]
    pending.keep(name, marked(incoming, sender, mark), UNCONFIRMED)
    try:
        return _ask(home, place, of, name, sender, shown, now)
    except BaseException:
        pending.drop(name, UNCONFIRMED)
        raise


def _ask(home: str, place: ListDirectory, of: answer.List, name: str, author: bytes, shown: bytes, now: int) -> int:
    key, ident = place.key(), os.fsencode(name)
    confirm, discard = (of.address(deciding(word, ident, key)) for word in (b"confirm", b"discard"))
    subject = of.fill(place.phrase("SUB_CONFIRM_POST"))
    text = answer.fill(of, place.text("post-confirm"), confirm, discard) + answer.quoted(shown)
    letter = answer.Letter(author, subject, now, os.getpid(), reply_to=confirm, author=of.address(b"owner"))
    with begin(home) as submission:
        submission.write(answer.head(of, letter, [], text) + text)
        return accepted(submission.finish(Envelope(of.address(b"return-"), (author,))))


def confirm(home: str, directory: str, decision: Decision, program: list[bytes], now: int) -> str:
    """Do what an author wants with the message that waits for them; what became of it.

    A `program` gets the message in the place of what we do with those that need no confirmation.

    :raises Permanent: that cannot be done, and the author should know.
    :raises Temporary: not now.
    """
    if not is_valid(decision, ListDirectory(directory).key()):
        raise Permanent("I do not know this address", "5.1.1")
    pending, name = Pending(directory), os.fsdecode(decision.name)
    with pending.lock():
        if pending.state(name) != UNCONFIRMED:
            raise Permanent("the message is not there any more", "5.7.0")
        if decision.word == b"confirm":
            sender = pending.sender(name, UNCONFIRMED)
            _stand_in(pending.path(name, UNCONFIRMED))
            if program:
                _run(program, sender)
            else:
                hold(home, directory, sender, now, _CONFIRMED)
        pending.drop(name, UNCONFIRMED)
    return "confirmed" if decision.word == b"confirm" else "discarded"


def _stand_in(path: str) -> None:
    """Put the message in the place of the letter on descriptor 0."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        os.dup2(descriptor, 0)
        os.close(descriptor)
    except OSError as error:
        give_up(f"unable to read {path}", error)


def _run(program: list[bytes], sender: bytes) -> None:
    """Let a program have the message.

    :raises Permanent: it refuses the message.
    :raises Temporary: it does not end well.
    """
    words = [b"/bin/sh", b"-c", *program] if len(program) == 1 else program
    environ = {**os.environb, b"SENDER": sender}
    try:
        pid = os.posix_spawnp(words[0], words, environ)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except OSError as error:
        raise Temporary(f"unable to run {os.fsdecode(words[0])}") from error
    if code == 100:
        raise Permanent("the message has been refused")
    if code not in (0, 99):
        raise Temporary(f"{os.fsdecode(words[0])} ended with {code}")
