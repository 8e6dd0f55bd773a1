"""Log lines of the POP3 service: who logged in, who was not let in, what each session did. No passwords.

    pop3 7: 127.0.0.1:50321 login joe, 3 messages, 90 bytes
    pop3 7: 127.0.0.1:50321 refused joe: authorization failed
    pop3 7: 127.0.0.1:50321 closed: quit, joe, 2 retrieved, 1 deleted, 4096 bytes sent

The number counts the sessions of a daemon. What clients wrote is escaped.
"""

from __future__ import annotations

from qmtwist.mail.shapes import NamedTuple

from .smtp import escape


class LoggedIn(NamedTuple):
    """A mailbox is open."""

    serial: int
    peer: bytes
    name: bytes
    messages: int
    size: int


class LoginRefused(NamedTuple):
    """A login failed; `reason` is ours."""

    serial: int
    peer: bytes
    name: bytes
    reason: bytes


class Closed(NamedTuple):
    """A session is over. `name` is empty when nobody had logged in; `failures` could not be deleted."""

    serial: int
    peer: bytes
    reason: bytes
    name: bytes
    retrieved: int
    deleted: int
    failures: int
    sent_bytes: int
    rule: bytes = b""


Pop3Fact = LoggedIn | LoginRefused | Closed


def word(fact: Pop3Fact) -> bytes:
    r"""The line of a fact, without LF.

    >>> word(LoginRefused(7, b"127.0.0.1:9", b"j\noe", b"authorization failed"))
    b'pop3 7: 127.0.0.1:9 refused j\\x0aoe: authorization failed'
    """
    match fact:
        case LoggedIn(serial, peer, name, messages, size):
            return b"pop3 %d: %s login %s, %d messages, %d bytes" % (serial, peer, escape(name), messages, size)
        case LoginRefused(serial, peer, name, reason):
            return b"pop3 %d: %s refused %s: %s" % (serial, peer, escape(name), escape(reason, b" "))
        case Closed(serial, peer, reason, name, retrieved, deleted, failures, sent_bytes, rule):
            who = b", " + escape(name) if name else b""
            more = b", %d not deleted" % failures if failures else b""
            by = b", rule " + escape(rule) if rule else b""
            return b"pop3 %d: %s closed: %s%s, %d retrieved, %d deleted%s, %d bytes sent%s" % (
                serial, peer, escape(reason, b" "), who, retrieved, deleted, more, sent_bytes, by,
            )  # fmt: skip
