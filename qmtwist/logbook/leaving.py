"""Log lines of the service for leaving lists.

    http 7: 192.0.2.7:50321 accepted 10000000042: ann@example.com leaves friends@example.org
    http 8: 192.0.2.9:50322 refused POST: 404 no link of ours
    https 9: 192.0.2.9:50323 for 198.51.100.3 accepted 10000000043: joe@example.com leaves friends@example.org

The service is `http`, or `https` inside TLS; the number counts the connections. Behind `for` stands the client of a
proxy on this host. Pages that change nothing have no line.
"""

from __future__ import annotations

from qmtwist.mail.shapes import NamedTuple

from .smtp import escape


class Visit(NamedTuple):
    """Which connection a line is about; `client` is whom a proxy names, or empty."""

    service: bytes
    serial: int
    peer: bytes
    client: bytes = b""


def word_accepted(visit: Visit, number: int, target: bytes, of: bytes) -> bytes:
    """The wish to leave is queued as message `number`; the line without LF.

    >>> word_accepted(Visit(b"http", 7, b"192.0.2.1:9"), 3, b"ann@x.y", b"l@h")
    b'http 7: 192.0.2.1:9 accepted 3: ann@x.y leaves l@h'
    """
    return _head(visit) + b"accepted %d: %s leaves %s" % (number, escape(target), escape(of))


def word_refused(visit: Visit, method: bytes, code: int, why: bytes, unshown: int = 0) -> bytes:
    """It is not, and so were `unshown` others that had no line; the line without LF."""
    more = b", %d refusals not shown" % unshown if unshown else b""
    return _head(visit) + b"refused %s: %d %s%s" % (escape(method[:20]), code, escape(why, b" "), more)


def _head(visit: Visit) -> bytes:
    client = b"for %s " % escape(visit.client) if visit.client else b""
    return b"%s %d: %s %s" % (visit.service, visit.serial, visit.peer, client)
