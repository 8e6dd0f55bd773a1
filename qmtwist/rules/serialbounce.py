"""The bounce of a message that waited in a maildir for its host. (maildirserial(1), QSBMF)"""

from __future__ import annotations

from qmtwist.mail.address import quote
from qmtwist.mail.date import rfc822

from .bounce import BounceStyle, BounceTo, paragraph
from .verp import bounce_recipient

TOO_OLD = b"This message is too old. Giving up.\n"


def serial_bounce_head(
    sender: bytes, recipient: bytes, reason: bytes, to: BounceTo, style: BounceStyle, now: int
) -> bytes:
    """Everything above the copy of the message. `recipient` is shown as it is; `reason` ends with LF."""
    lines = [
        b"Date: %s\n" % rfc822(now),
        b"From: %s\n" % quote(style.bouncefrom + b"@" + style.bouncehost),
        b"To: %s\n" % quote(to.recipient),
        b"Subject: failure notice\n\n",
        b"Hi. This is the maildirbounce program at %s.\n" % style.bouncehost,
        _SINGLE if sender else _DOUBLE,
        paragraph(recipient, reason),
        b"--- Below this line is %s\n\n" % (b"a copy of the message." if sender else b"the original bounce."),
        b"Return-Path: <%s>\n" % quote(bounce_recipient(sender)),
    ]
    return b"".join(lines)


_SINGLE = (
    b"I'm afraid I wasn't able to deliver your message to the following address.\n"
    b"This is a permanent error; I've given up. Sorry it didn't work out.\n\n"
)
_DOUBLE = b"I tried to deliver a bounce message to this address, but the bounce bounced!\n\n"
