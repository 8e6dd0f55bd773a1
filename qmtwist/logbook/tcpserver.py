"""The lines of a server that runs a program for each connection, as log analysers know them. (ucspi-tcp tcpserver.c)"""

from __future__ import annotations

NAME = b"tcpserver"
FIELD_BYTES = 100
# what would break a line apart, or a careless logger
_SAFE = bytes(byte if 33 <= byte <= 126 and byte not in b"%:" else ord("?") for byte in range(256))


def safe(field: bytes | None) -> bytes:
    """A foreign word as a field: odd bytes show as `?`, and what is too long ends in `...`.

    >>> safe(b"a:b c"), safe(None), len(safe(b"x" * 200))
    (b'a?b?c', b'', 103)
    """
    text = (field or b"").translate(_SAFE)
    return text if len(text) < FIELD_BYTES else text[:FIELD_BYTES] + b"..."


def address(ip: bytes) -> bytes:
    """An IP address as a field; one of IPv6 stands in brackets, because of its colons.

    >>> address(b"192.0.2.7"), address(b"2001:db8::7")
    (b'192.0.2.7', b'[2001:db8::7]')
    """
    return b"[%s]" % ip if b":" in ip else ip


def status(children: int, limit: int) -> bytes:
    """How many connections there are."""
    return b"%s: status: %d/%d\n" % (NAME, children, limit)


def began(pid: int, ip: bytes) -> bytes:
    """A connection was accepted."""
    return b"%s: pid %d from %s\n" % (NAME, pid, ip)


def judged(
    pid: int,
    is_denied: bool,
    local: tuple[bytes | None, bytes, int],
    remote: tuple[bytes | None, bytes, bytes | None, int],
) -> bytes:
    """What the rules say. `local` is host, IP and port; `remote` is host, IP, IDENT information and port."""
    word = b"deny" if is_denied else b"ok"
    here = b"%s:%s:%d" % (safe(local[0]), address(local[1]), local[2])
    there = b"%s:%s:%s:%d" % (safe(remote[0]), address(remote[1]), safe(remote[2]), remote[3])
    return b"%s: %s %d %s %s\n" % (NAME, word, pid, here, there)


def ended(pid: int, wait_status: int) -> bytes:
    """A connection is over; `wait_status` as wait(2) gives it."""
    return b"%s: end %d status %d\n" % (NAME, pid, wait_status)


def dropped(trouble: bytes) -> bytes:
    """A connection is given up for trouble of ours."""
    return b"%s: warning: dropping connection, %s\n" % (NAME, trouble)
