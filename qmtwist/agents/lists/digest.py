"""Send what has come since the last digest to those who get digests: one queue entry for each digest. (ezmlm-get)

A digest is one of the queue's letters or it is not, and nobody can ask the queue which. So it is noted before the queue
has it, and it goes to an address of the list as well: what arrives there proves that the queue has had it. Whoever dies
in between leaves the note, and no digest is made before it is clear what became of that one: because its receipt has
come, or because it has not come in an hour. Then it goes out again, as the same message.
"""

from __future__ import annotations

from qmtwist.mail.date import rfc822
from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import Permanent, Temporary
from qmtwist.mail.shapes import NamedTuple
from qmtwist.rules.lists import answer
from qmtwist.rules.lists.cookie import cookie, part_key
from qmtwist.rules.lists.digest import Look, form_of
from qmtwist.rules.lists.heading import cut, value
from qmtwist.rules.lists.oneclick import DIGEST
from qmtwist.rules.lists.threads import Entry
from qmtwist.store.lists.archive import kept_size
from qmtwist.store.lists.digests import Digested, Digests, Sending
from qmtwist.store.lists.directory import ListDirectory, Number
from qmtwist.store.lists.files import Lock
from qmtwist.store.lists.subscribers import Subscribers

from .collection import collected, listed, look_of, topics
from .digested import receipt
from .incoming import Incoming
from .oneclick import mark_of
from .queueing import accepted, begin

PATIENCE_S = 3600
"""How long a receipt may take."""
_MESSAGES = 500  # in one digest
_BYTES = 8 << 20
_FIRST_MESSAGES = 100  # of a list that has had none
_REMARK_BYTES = 10_000
_SIZE_BYTES = 256  # what sizes are counted in
_OWN_FIELDS = (b"", b"list-help", b"list-subscribe", b"list-unsubscribe", b"list-unsubscribe-post")


class Wish(NamedTuple):
    """How a digest is to look, and what somebody has to say in it."""

    form: bytes = b""
    remark: bytes = b""


def send_digests(home: str, directory: str, now: int, wish: Wish) -> list[int]:
    """Send what there is; the numbers behind `qp`.

    :raises Permanent: the list keeps no messages.
    :raises Temporary: not now.
    """
    place = ListDirectory(directory)
    if not place.has("archived"):
        raise Permanent("the list has no archive")
    sent = []
    with Lock(f"{directory}/lock"):
        while (sending := _next(place, Digests(directory), now)) is not None:
            people = tuple(Subscribers(f"{directory}/digest"))
            found = listed(place, sending.first, sending.last)
            if people and found:
                sent.append(_send(home, place, sending, found, people, wish))
            else:
                Digests(directory).skip(Digested(sending.last, sending.size, now))
    return sent


def _next(place: ListDirectory, digests: Digests, now: int) -> Sending | None:
    """What goes into the next digest.

    :raises Temporary: nobody knows what became of the last one.
    """
    number, digested = place.number(), digests.digested()
    waiting = digests.sending()
    if waiting is not None and digested is not None and digested.last >= waiting.last:
        digests.drop()
    elif waiting is not None:
        if 0 <= now - waiting.tried < PATIENCE_S:
            raise Temporary("a digest is on its way")
        return waiting._replace(tried=now)
    if digested is None:
        digested = Digested(max(number.last - _FIRST_MESSAGES, 0))
    if digested.last >= number.last:
        return None
    return _cut(place, number, digested)._replace(issue=digests.issue() + 1, when=now, tried=now)


def _cut(place: ListDirectory, number: Number, digested: Digested) -> Sending:
    """As many messages as fit into one digest, but one at least."""
    total = 0
    for last in range(digested.last + 1, min(number.last, digested.last + _MESSAGES) + 1):
        total += kept_size(place.path, last)
        if total > _BYTES and last > digested.last + 1:
            last -= 1
            break
    is_all = last == number.last
    size = number.size if is_all else min(digested.size + total // _SIZE_BYTES, number.size)
    return Sending(0, digested.last + 1, last, size, 0, 0)


def _send(
    home: str, place: ListDirectory, sending: Sending, found: list[Entry], people: tuple[bytes, ...], wish: Wish
) -> int:
    """:raises MailError: it is not queued, as far as is known."""
    of = _list(place)
    digests = Digests(place.path)
    key = part_key(place.key(), b"digest")
    date = b"%d" % sending.when
    look = look_of(
        place, form_of(wish.form, place.optional_line("digformat")), cookie(key, date, b"%d" % sending.issue, b"b")
    )
    subject = of.fill(place.phrase("SUB_DIGEST_ISSUE"))
    subject = subject.replace(b"<#1#>", rfc822(sending.when)).replace(b"<#2#>", b"%d" % sending.issue)
    heading = topics(place, sending.first, sending.last)
    remark = wish.remark + of.fill(place.text("digest"))
    sender = b"%s-return-%d-@%s-@[]" % (of.local + b"-digest", sending.first, of.host)
    with begin(home) as submission:
        mark = mark_of(place, submission, sending.first, DIGEST)
        submission.write(mark + _head(place, of, sending, subject, look, bool(mark)))
        for piece in collected(place, look, found, subject, heading, remark):
            submission.write(piece)
        digests.begin(sending)
        try:
            qp = accepted(
                submission.finish(
                    Envelope(sender, (*people, of.address(b"digest-return-" + receipt(key, sending.issue))))
                )
            )
        except Permanent:
            digests.drop()
            raise
    digests.settle(sending)
    return qp


def _list(place: ListDirectory) -> answer.List:
    return answer.List(place.line("outlocal"), place.line("outhost"), place.line("mailinglist"))


def _head(
    place: ListDirectory, of: answer.List, sending: Sending, subject: bytes, look: Look, is_personal: bool
) -> bytes:
    """With `is_personal` each reader gets a List-Unsubscribe of their own."""
    own = answer.List(of.local + b"-digest", of.host, of.mailinglist)
    added = [field.raw for field in cut(place.read("headeradd") or b"").fields if field.name not in _OWN_FIELDS]
    for word in (b"help", b"subscribe") if is_personal else (b"help", b"subscribe", b"unsubscribe"):
        added.append(b"List-%s: <mailto:%s>\n" % (word.capitalize(), own.address(word)))
    return b"".join(
        [
            *added,
            b"Mailing-List: %s\n" % of.mailinglist,
            b"Date: %s\n" % rfc822(sending.when),
            b"Message-ID: <%d.%d.digest@%s>\n" % (sending.when, sending.issue, of.host),
            b"From: %s\n" % own.address(b"help"),
            b"To: %s\n" % of.address(),
            b"Delivered-To: %s\n" % own.mark,
            b"MIME-Version: 1.0\nContent-Type: %s\n" % look.kind,
            b"Subject: %s\n\n" % answer.readable(subject),
        ]
    )


def remark() -> bytes:
    """What the message on descriptor 0 says to readers of a digest: its text, as far as a line that begins with a dash.

    :raises MailError: it cannot be read, or has been here.
    """
    incoming = Incoming()
    kinds = {field.name: value(field).lower() for field in incoming.fields}
    is_text = kinds.get(b"content-type", b"text/plain").startswith(b"text/plain")
    if not is_text or kinds.get(b"content-transfer-encoding", b"7bit") not in (b"7bit", b"8bit"):
        return b""
    data = incoming.whole(len(incoming.start) + _REMARK_BYTES)
    body = cut(data).rest.replace(b"\r\n", b"\n")[1:][:_REMARK_BYTES]
    lines = []
    for line in body.split(b"\n"):
        if line[:1] == b"-":
            break
        lines.append(line)
    text = b"\n".join(lines).strip(b"\n")
    return text + b"\n\n" if text else b""
