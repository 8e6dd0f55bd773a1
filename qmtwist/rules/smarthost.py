"""The next hop of a domain by control/smtproutes and control/qmtproutes. (qmail-remote(8); qmtpc and s/qmail for QMTP)

A route is `domain:relay`, `domain:relay:port` or `domain:`, and the relay a name or an address: `192.0.2.1`,
`[192.0.2.1]`, `[2001:db8::1]` or `[IPv6:2001:db8::1]`; an IPv6 address needs its brackets, for a colon begins the port.
In qmtproutes `/tls` at the end, as in `domain:relay/tls`, means QMTP inside TLS (QMTPS).
"""

from __future__ import annotations

from qmtwist.mail.shapes import Mapping, NamedTuple

SMTP_PORT = 25
QMTP_PORT = 209
QMTPS_PORT = 6209
TLS_MARK = b"/tls"
_DIGITS = b"0123456789"
_LAST_PORT = 65535


class Hop(NamedTuple):
    """Where a domain's mail goes first."""

    protocol: str  # "smtp", "qmtp" or "qmtps"
    host: bytes  # the relay's name or address literal, or the recipient's domain
    port: int  # 25, 209 or 6209 unless the route says so; 0: the route's port is none, nobody can be reached
    is_route: bool  # a relay by control file: address lookup only, no MX, no self check, no QMTP to SMTP fallback


def next_hop(host: bytes, smtproutes: Mapping[bytes, bytes], qmtproutes: Mapping[bytes, bytes]) -> Hop:
    """Where mail for `host` goes: its QMTP route, else its SMTP route, else by its own MX. Keys are lower case.

    >>> next_hop(b"A.Example", {b".example": b"relay.example.net:26"}, {})
    Hop(protocol='smtp', host=b'relay.example.net', port=26, is_route=True)
    >>> next_hop(b"a.example", {b"a.example": b"", b"": b"smarthost"}, {})
    Hop(protocol='smtp', host=b'a.example', port=25, is_route=False)
    >>> next_hop(b"a.example", {}, {b"": b"hub.example/tls"})
    Hop(protocol='qmtps', host=b'hub.example', port=6209, is_route=True)
    """
    if qmtproutes and (relay := look_up(host, qmtproutes)):
        if relay.endswith(TLS_MARK):
            return Hop("qmtps", *_parse(relay.removesuffix(TLS_MARK), QMTPS_PORT), True)
        return Hop("qmtp", *_parse(relay, QMTP_PORT), True)
    if smtproutes and (relay := look_up(host, smtproutes)):
        return Hop("smtp", *_parse(relay, SMTP_PORT), True)
    return Hop("smtp", host, SMTP_PORT, False)


def look_up(domain: bytes, table: Mapping[bytes, bytes]) -> bytes | None:
    """What a table says about a domain: the domain itself, then each suffix from a dot, then the empty key.

    The first key that exists decides. None: the table says nothing.

    >>> look_up(b"x.a.example", {b".example": b"1", b".a.example": b"2", b"": b"3"})
    b'2'
    """
    name = domain.lower()
    at = 0
    while at >= 0:
        if (found := table.get(name[at:])) is not None:
            return found
        at = name.find(b".", at + 1)
    return table.get(b"")


def objection(relay: bytes, may_be_tls: bool = False) -> str:
    """What is wrong with the relay of a route, in words for the postmaster; empty: nothing.

    `may_be_tls`: the route is one of qmtproutes, where `/tls` has a meaning.

    >>> objection(b"relay.example"), objection(b"relay.example:smtp")
    ('', 'the port after the colon must be a number from 1 to 65535')
    """
    if not relay:
        return ""
    host, port = _split(relay.removesuffix(TLS_MARK) if may_be_tls else relay)
    if port is not None and b":" in port:
        return "an IPv6 address stands in brackets"
    if port is not None and (port.translate(None, _DIGITS) or not parse_port(port)):
        return "the port after the colon must be a number from 1 to 65535"
    if not host or any(byte <= 32 or byte >= 127 for byte in host) or b"@" in host:
        return "the relay must be a host name or an IP address"
    if (host[:1] == b"[") != (host[-1:] == b"]"):
        return "the brackets do not match"
    return ""


def _split(relay: bytes) -> tuple[bytes, bytes | None]:
    """Host and what stands after the colon that begins the port; None without one."""
    if relay[:1] == b"[":
        literal, bracket, rest = relay.partition(b"]")
        if bracket and rest[:1] in (b"", b":"):
            return literal + bracket, rest[1:] if rest else None
    host, colon, port = relay.partition(b":")
    return host, port if colon else None


def _parse(relay: bytes, usual: int) -> tuple[bytes, int]:
    """Host and port of a relay."""
    host, port = _split(relay)
    if host[:1] == b"[" and b":" in host and host[1:6].lower() != b"ipv6:":
        host = b"[IPv6:" + host[1:]  # as RFC 5321 §4.1.3 writes it
    return host, usual if port is None else parse_port(port)


def parse_port(text: bytes) -> int:
    """The number that a text begins with, as qmail reads it; 0 when that is no port.

    >>> parse_port(b"26x"), parse_port(b""), parse_port(b"70000")
    (26, 0, 0)
    """
    digits = text[: len(text) - len(text.lstrip(_DIGITS))]
    number = int(digits[:20] or b"0")
    return number if number <= _LAST_PORT else 0
