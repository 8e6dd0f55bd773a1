"""Ask authors whether they wrote a message. (ezmlm-store)

Whoever forges a sender makes the list write to somebody who has nothing to do with it; so that letter has little of the
message.
"""

from __future__ import annotations

import os

from qmtwist.mail.address import is_sendable
from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import Permanent
from qmtwist.rules.lists import answer
from qmtwist.rules.lists.heading import refuse_bounce, refuse_loop, refuse_nameless
from qmtwist.rules.lists.moderation import deciding
from qmtwist.store.lists.directory import ListDirectory
from qmtwist.store.lists.pending import UNCONFIRMED, Pending

from .incoming import Incoming
from .queueing import accepted, begin
from .waiting import list_of, marked

_SHOWN_BYTES = 2_000  # of a message, in the letter that asks its author


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
