"""What can happen in an SMTP session, as frozen values, and the terms under which it is held."""

from __future__ import annotations

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.shapes import NamedTuple

from . import reply as replies
from .reply import Reply


class Limits(NamedTuple):
    """What one session may cost us. Lengths in bytes; `databytes` 0 means no limit."""

    max_command_bytes: int
    max_recipients: int
    max_errors: int
    max_idle_commands: int
    databytes: int


class Terms(NamedTuple):
    """What sessions under the same settings share."""

    limits: Limits
    banner: bytes
    helo: bytes
    ehlo: bytes
    goodbye: Reply
    is_slowing: bool
    has_etrn: bool = False  # the client may say ETRN

    def with_etrn(self) -> Terms:
        """The same with ETRN offered. (RFC 1985)"""
        start = self.ehlo.rindex(b"250 ")
        ehlo = self.ehlo[:start] + b"250-ETRN\r\n" + self.ehlo[start:]
        return self._replace(ehlo=ehlo, has_etrn=True)


def make_terms(greeting: bytes, limits: Limits, is_slowing: bool = True) -> Terms:
    """The terms of sessions that greet with `greeting`; `is_slowing`: later errors are answered slowly."""
    keywords = [b"PIPELINING", b"8BITMIME", b"SIZE %d" % limits.databytes, b"ENHANCEDSTATUSCODES"]
    return Terms(
        limits,
        b"220 %s ESMTP\r\n" % greeting,
        b"250 %s\r\n" % greeting,
        replies.listing([greeting, *keywords]),
        replies.reply(221, b"2.0.0", greeting),
        is_slowing,
    )


class SenderOffered(NamedTuple):
    """MAIL. Answer with `accept(address)` or `refuse`."""

    address: bytes


class RecipientOffered(NamedTuple):
    """RCPT. Answer with `accept(address)` or `refuse`."""

    address: bytes


class MessageOffered(NamedTuple):
    """DATA. Answer with `go_ahead` when the message can be stored, or `refuse`."""

    sender: bytes
    recipients: tuple[bytes, ...]


class Content(NamedTuple):
    """A piece of the message, as it is to be stored. Needs no answer."""

    data: bytes


class MessageEnded(NamedTuple):
    """The last piece, and the end: store it for good. Answer with `stored`, or `refuse`."""

    data: bytes
    envelope: Envelope
    size: int


class MessageSpoiled(NamedTuple):
    """This message will be refused at its end: forget what was stored. Needs no answer."""


class NodeOffered(NamedTuple):
    """ETRN, where it is offered: send what waits for this node, and answer with `tell`."""

    node: bytes


class Refused(NamedTuple):
    """For the log: what was refused, and how. When `delay_s` is not 0, call `resume` after so many seconds."""

    about: bytes
    reply: Reply
    delay_s: int


class Closed(NamedTuple):
    """The session is over: write what there is, then hang up. The last event."""

    reason: bytes


Event = (
    SenderOffered
    | RecipientOffered
    | MessageOffered
    | Content
    | MessageEnded
    | MessageSpoiled
    | NodeOffered
    | Refused
    | Closed
)
