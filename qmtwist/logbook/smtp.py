"""Log lines of the SMTP and OFMIP services: what came in, what was refused and why, why each session ended.

    smtp 7: 127.0.0.1:50321 accepted 10000000042 from <joe@example.com> for 1, 4096 bytes
    smtp 7: 127.0.0.1:50321 refused <ann@example.net>: 553 sorry, that domain isn't in my list ...
    smtp 7: 127.0.0.1:50321 closed: quit, 1 accepted, rule tcprules:3
    smtp 8: 192.0.2.9:50322 closed: quit, 0 accepted, no answer from one.example, kept out by two.example
    smtp: 192.0.2.7 turned away: too many connections of this address

The number counts the sessions of a service; lines of OFMIP begin with `ofmip`. What clients wrote is escaped: one line
stays one line, and nobody else's bytes look like ours.
"""

from __future__ import annotations

from qmtwist.mail.shapes import NamedTuple

ABOUT_BYTES = 200  # of a client's text that are shown
_PLAIN = bytes(byte for byte in range(33, 127) if byte not in b"<>\\")


class Accepted(NamedTuple):
    """A message is ours."""

    serial: int
    peer: bytes
    number: int
    sender: bytes
    recipients: int
    size: int
    service: bytes = b"smtp"


class Refused(NamedTuple):
    """A command, an address or a message was answered 4xx or 5xx. `about` is shown escaped; an address has its `<>`."""

    serial: int
    peer: bytes
    about: bytes
    code: int
    text: bytes
    service: bytes = b"smtp"


class Closed(NamedTuple):
    """A session is over. `unshown` refusals had no line of their own; `about` is what lists said about the client, and
    `rule` decided what it may do.
    """

    serial: int
    peer: bytes
    reason: bytes
    accepted: int
    unshown: int
    about: bytes = b""
    rule: bytes = b""
    service: bytes = b"smtp"


class TurnedAway(NamedTuple):
    """A connection was refused before it became a session, and `others` before it since the last such line."""

    service: bytes
    ip: bytes
    reason: bytes
    others: int


SmtpFact = Accepted | Refused | Closed | TurnedAway


def word(fact: SmtpFact) -> bytes:
    r"""The line of a fact, without LF.

    >>> word(Refused(7, b"127.0.0.1:9", b"<a\nb>", 555, b"syntax error (#5.5.4)"))
    b'smtp 7: 127.0.0.1:9 refused <a\\x0ab>: 555 syntax error (#5.5.4)'
    """
    match fact:
        case Accepted(serial, peer, number, sender, recipients, size, service):
            return b"%s %d: %s accepted %d from <%s> for %d, %d bytes" % (
                service, serial, peer, number, escape(sender), recipients, size,
            )  # fmt: skip
        case Refused(serial, peer, about, code, text, service):
            return b"%s %d: %s refused %s: %d %s" % (service, serial, peer, _shown(about), code, escape(text, b" "))
        case Closed(serial, peer, reason, accepted, unshown, about, rule, service):
            more = b", %d refusals not shown" % unshown if unshown else b""
            more += b", " + escape(about, b" ") if about else b""
            more += b", rule " + escape(rule) if rule else b""
            return b"%s %d: %s closed: %s, %d accepted%s" % (
                service,
                serial,
                peer,
                escape(reason, b" "),
                accepted,
                more,
            )
        case TurnedAway(service, ip, reason, others):
            more = b" (and %d more)" % others if others else b""
            return b"%s: %s turned away: %s%s" % (service, escape(ip), reason, more)


def _shown(about: bytes) -> bytes:
    if about[:1] == b"<" and about[-1:] == b">":
        return b"<%s>" % escape(about[1:-1])
    return escape(about, b" ")


def escape(text: bytes, also: bytes = b"") -> bytes:
    r"""Somebody else's bytes for a log line: what is not plain, nor in `also`, as `\xNN`; cut when very long.

    >>> escape(b"a b\x1b[1m"), escape(b"a b", b" ")
    (b'a\\x20b\\x1b[1m', b'a b')
    """
    if not text.translate(None, _PLAIN + also):
        return text if len(text) <= ABOUT_BYTES else text[:ABOUT_BYTES] + b"..."
    plain = _PLAIN + also
    cut = b"..." if len(text) > ABOUT_BYTES else b""
    return b"".join([b"%c" % byte if byte in plain else b"\\x%02x" % byte for byte in text[:ABOUT_BYTES]]) + cut
