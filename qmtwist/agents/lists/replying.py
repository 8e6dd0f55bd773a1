"""Make a letter of what a list says, and queue it."""

from __future__ import annotations

import os

from qmtwist.agents.submit.submission import Submission
from qmtwist.mail.envelope import Envelope
from qmtwist.rules.lists import answer
from qmtwist.rules.lists.address import boxed
from qmtwist.rules.lists.cookie import cookie

from .incoming import Incoming
from .queueing import accepted
from .saying import Desk, Saying


def reply(desk: Desk, submission: Submission, incoming: Incoming, saying: Saying) -> int:
    """Write and queue it; the number behind `qp`.

    :raises Permanent: the message is refused for good.
    :raises Temporary: it is not queued now.
    """
    of, target, now = desk.of, desk.command.target, desk.request.now
    recipients = saying.to or (target,)
    confirmation = _confirmation(desk, saying)
    text = _text(desk, saying, confirmation)
    bottom = _bottom(desk, saying)
    to = recipients[0] if len(recipients) == 1 else of.address(b"owner")
    letter = answer.Letter(to, saying.subject, now, os.getpid(), b"ezmlm", confirmation, saying.is_personal)
    # Where a moderator's letter came from is nobody's business.
    fields = [] if saying.is_discreet else incoming.fields
    submission.write(answer.head(of, letter, fields, text + bottom))
    submission.write(text + bottom + _request(desk, saying, incoming, recipients))
    main = desk.place.line("outlocal") + b"-return-@" + desk.place.line("outhost")
    return accepted(submission.finish(Envelope(main, recipients + saying.copies)))


def _confirmation(desk: Desk, saying: Saying) -> bytes:
    """The address that confirms, or takes what is sent back."""
    if not saying.confirms:
        return saying.reply_to
    target, date = desk.command.target, b"%d" % desk.request.now
    number = cookie(desk.key(), date, target, saying.confirms)
    return desk.of.address(b"%sc.%s.%s-%s" % (saying.confirms, date, number, boxed(target)))


def _text(desk: Desk, saying: Saying, confirmation: bytes) -> bytes:
    parts = [desk.of.fill(desk.place.text("top"))]
    for name in saying.texts:
        parts.append(answer.fill(desk.of, desk.place.text(name), desk.command.target, confirmation))
    return b"".join(parts) + saying.body


def _bottom(desk: Desk, saying: Saying) -> bytes:
    if saying.is_discreet:
        return desk.of.fill(desk.place.text("mod-sub"))
    return desk.of.fill(desk.place.text("bottom")) if desk.wishes.shows else b""


def _request(desk: Desk, saying: Saying, incoming: Incoming, recipients: tuple[bytes, ...]) -> bytes:
    """The request as the letter shows it."""
    if saying.is_discreet or not desk.wishes.shows:
        return b""
    sender = desk.request.sender
    is_own = {address.lower() for address in recipients} == {sender.lower()}
    limit = answer.OWN_REQUEST_BYTES if is_own else answer.OTHER_REQUEST_BYTES
    return answer.request_copy(sender, incoming.whole(limit), limit)
