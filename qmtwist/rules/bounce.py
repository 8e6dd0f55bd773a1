"""The text of bounces and double bounces, in the form that programs recognise (QSBMF). (qmail-send(8), QSBMF)"""

from __future__ import annotations

from qmtwist.mail.address import quote
from qmtwist.mail.date import rfc822
from qmtwist.mail.shapes import NamedTuple

from .verp import bounce_recipient

DOUBLE_BOUNCE_SENDER = b"#@[]"


class BounceStyle(NamedTuple):
    """The control files that word a bounce."""

    bouncefrom: bytes
    bouncehost: bytes
    doublebounceto: bytes
    doublebouncehost: bytes


class BounceTo(NamedTuple):
    """Envelope of the bounce that a message causes."""

    sender: bytes
    recipient: bytes


def addressee(sender: bytes, style: BounceStyle) -> BounceTo | None:
    """Who hears of a failure: the sender, or for a bounce the postmaster; None: nobody, discard it.

    >>> style = BounceStyle(b"MAILER-DAEMON", b"h", b"postmaster", b"h")
    >>> addressee(b"joe@x", style), addressee(b"", style), addressee(b"#@[]", style)
    (BounceTo(sender=b'', recipient=b'joe@x'), BounceTo(sender=b'#@[]', recipient=b'postmaster@h'), None)
    """
    if sender == DOUBLE_BOUNCE_SENDER:
        return None
    if not sender:
        return BounceTo(DOUBLE_BOUNCE_SENDER, style.doublebounceto + b"@" + style.doublebouncehost)
    return BounceTo(b"", bounce_recipient(sender))


def paragraph(address: bytes, report: bytes) -> bytes:
    r"""One failed recipient's paragraph. No blank line may occur inside it, so such line ends become `/`.

    >>> paragraph(b"a@h", b"a\n\nb\n\n\nc")
    b'<a@h>:\na\n/b\n//c\n\n'
    """
    text = b"<" + address.replace(b"\n", b"_") + b">:\n" + report
    if not text.endswith(b"\n"):
        text += b"\n"
    body = bytearray(text)
    for at in range(len(body) - 2, 0, -1):
        if body[at] == 10 and body[at - 1] == 10:
            body[at] = 47  # "/"
    return bytes(body) + b"\n"


def bounce_head(original_sender: bytes, to: BounceTo, notes: bytes, style: BounceStyle, now: int) -> bytes:
    """Everything of a bounce that stands above the copy of the message; `notes` are the paragraphs."""
    is_double = not original_sender
    lines = [
        b"Date: %s\n" % rfc822(now),
        b"From: %s\n" % quote(style.bouncefrom + b"@" + style.bouncehost),
        b"To: %s\n" % quote(to.recipient),
        b"Subject: failure notice\n\n",
        b"Hi. This is the qmail-send program at %s.\n" % style.bouncehost,
        _DOUBLE if is_double else _SINGLE,
        notes,
        b"--- Below this line is %s\n\n" % (b"the original bounce." if is_double else b"a copy of the message."),
        b"Return-Path: <%s>\n" % quote(bounce_recipient(original_sender)),
    ]
    return b"".join(lines)


_SINGLE = (
    b"I'm afraid I wasn't able to deliver your message to the following addresses.\n"
    b"This is a permanent error; I've given up. Sorry it didn't work out.\n\n"
)
_DOUBLE = b"I tried to deliver a bounce message to this address, but the bounce bounced!\n\n"
GIVING_UP = b"I'm not going to try again; this message has been in the queue too long.\n"
TRUNCATED = b"\n--- The message was longer; the rest of it is not shown.\n"
LOST = b"\n--- The message itself is lost: its file is not in the queue any more.\n"
