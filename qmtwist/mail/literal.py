"""IP addresses where a host name may stand: `192.0.2.1`, `[192.0.2.1]`, `[IPv6:2001:db8::1]`. (RFC 5321 §4.1.3)"""

from __future__ import annotations


def parse_literal(host: bytes) -> str | None:
    """The address in its usual form, or None if this is not one and so must be a name.

    As in qmail a dotted quad counts without brackets too, and its numbers may have leading zeros (they are decimal).
    In brackets an IPv6 address needs no `IPv6:`.

    >>> parse_literal(b"[192.0.2.1]"), parse_literal(b"192.0.02.1"), parse_literal(b"[IPv6:2001:DB8:0::1]")
    ('192.0.2.1', '192.0.2.1', '2001:db8::1')
    >>> parse_literal(b"192.0.2"), parse_literal(b"192.0.2.256"), parse_literal(b"2001:db8::1")
    (None, None, None)
    """
    if host[:1] == b"[" and host[-1:] == b"]":
        inner = host[1:-1]
        return _ipv6(inner[5:]) if inner[:5].lower() == b"ipv6:" else parse_address(inner)
    return parse_quad(host)


def parse_address(text: bytes) -> str | None:
    """An address as people write it into a file: dotted quad or bare IPv6; None if it is neither.

    >>> parse_address(b"192.0.2.1"), parse_address(b"2001:DB8::1"), parse_address(b"mail.example.org")
    ('192.0.2.1', '2001:db8::1', None)
    """
    return _ipv6(text) if b":" in text else parse_quad(text)


def parse_quad(text: bytes) -> str | None:
    """Four decimal numbers up to 255 with dots between them, leading zeros dropped."""
    parts = text.split(b".")
    if len(parts) != 4 or not all(part.isdigit() and len(part) <= 20 and int(part) <= 255 for part in parts):
        return None
    return ".".join(str(int(part)) for part in parts)


def _ipv6(text: bytes) -> str | None:
    if len(text) > 45 or text.strip(b"0123456789abcdefABCDEF:."):
        return None
    from ipaddress import IPv6Address  # rare, and costs more than the rest of this module

    try:
        address = IPv6Address(text.decode("ascii"))
    except ValueError:
        return None
    return str(address.ipv4_mapped or address)
