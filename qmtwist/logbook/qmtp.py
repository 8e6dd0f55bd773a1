"""Log lines of the QMTP and QMQP services, in the form of the SMTP service's.

    qmtp 7: 127.0.0.1:50321 accepted 10000000042 from <joe@example.com> for 2, 4096 bytes
    qmtp 7: 127.0.0.1:50321 refused <ann@example.net>: Dsorry, that domain isn't in my list ...
    qmtp 7: 127.0.0.1:50321 closed: the client closed the connection, 1 accepted, rule tcprules:3
    qmqp 3: 127.0.0.1:50322 accepted 10000000043 from <joe@example.com> for 1, 4096 bytes, rule tcprules.qmqp:1
    qmqp 4: 127.0.0.1:50323 closed: protocol violation: no comma after a netstring, 0 accepted, rule tcprules.qmqp:1
    qmqps 5: 192.0.2.7:50324 laptop accepted 10000000044 from <joe@example.com> for 1, 4096 bytes

The service is `qmtp` or `qmqp`, inside TLS `qmtps` or `qmqps`; the number counts its sessions. A refusal begins with
the letter that the client gets: `Z` for now, `D` for good. Behind the address stands the name of a key that is pinned.
"""

from __future__ import annotations

from qmtwist.mail.shapes import NamedTuple

from .smtp import escape


class Session(NamedTuple):
    """Which session a line is about. `name` is that of a pinned key, `rule` let the client in; either may be empty."""

    service: bytes
    serial: int
    peer: bytes
    name: bytes = b""
    rule: bytes = b""


def word_accepted(session: Session, number: int, sender: bytes, recipients: int, size: int) -> bytes:
    """A message is ours; the line without LF.

    >>> word_accepted(Session(b"qmqps", 7, b"192.0.2.1:9", b"laptop"), 3, b"", 1, 10)
    b'qmqps 7: 192.0.2.1:9 laptop accepted 3 from <> for 1, 10 bytes'
    """
    details = (number, escape(sender), recipients, size, _tail(session))
    return _head(session) + b"accepted %d from <%s> for %d, %d bytes%s" % details


def word_refused(session: Session, about: bytes | None, text: bytes, why: bytes = b"") -> bytes:
    """An address or, with None, a message was refused with this answer; `why` is what the client was not told. The
    line without LF.

    >>> word_refused(Session(b"qmqp", 7, b"192.0.2.1:9"), None, b"Zno", b"kept out by RBLSMTPD")
    b'qmqp 7: 192.0.2.1:9 refused the message: Zno, kept out by RBLSMTPD'
    """
    what = b"the message" if about is None else b"<%s>" % escape(about)
    more = b", " + escape(why, b" ") if why else b""
    return _head(session) + b"refused %s: %s%s%s" % (what, escape(text, b" "), more, _tail(session))


def word_closed(session: Session, reason: bytes, accepted: int, unshown: int, about: bytes = b"") -> bytes:
    """A session is over; `unshown` refusals had no line of their own; `about` is what DNS lists said. The line without
    LF.
    """
    more = b", %d refusals not shown" % unshown if unshown else b""
    more += b", " + escape(about, b" ") if about else b""
    return _head(session) + b"closed: %s, %d accepted%s%s" % (escape(reason, b" "), accepted, more, _rule(session))


def _head(session: Session) -> bytes:
    name = escape(session.name) + b" " if session.name else b""
    return b"%s %d: %s %s" % (session.service, session.serial, session.peer, name)


def _rule(session: Session) -> bytes:
    return b", rule " + escape(session.rule) if session.rule else b""


def _tail(session: Session) -> bytes:
    """A session of QMQP has one line alone, which says by what rule."""
    return _rule(session) if session.service.startswith(b"qmqp") else b""
