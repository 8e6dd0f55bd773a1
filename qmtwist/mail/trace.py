"""Trace fields: the Received lines that we add, and loop counting. (RFC 5321 §4.4)"""

from __future__ import annotations

from .date import rfc822

_KEEP = bytes(
    byte
    for byte in range(256)
    if chr(byte) in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.@%+/=:-[]"
)
_CLEAN = bytes(byte if byte in _KEEP else 63 for byte in range(256))


def clean(text: bytes) -> bytes:
    """What a client said, made safe for a Received line: every other byte becomes `?`. (qmail received.c)"""
    return text.translate(_CLEAN)


def queue_received(qp: int, who: bytes, now: int) -> bytes:
    """The line that qmail-queue puts on top; `who` is `by uid N`, `from network`, `for bounce` or `by alias`.

    >>> queue_received(7, b"from network", 1795238029)
    b'Received: (qmail 7 invoked from network); 21 Nov 2026 05:13:49 -0000\\n'
    """
    return b"Received: (qmail %d invoked %s); %s\n" % (qp, who, rfc822(now))


def smtp_received(
    protocol: bytes,
    remote_host: bytes,
    remote_ip: bytes,
    remote_info: bytes | None,
    helo: bytes | None,
    local: bytes,
    now: int,
) -> bytes:
    """The Received field of a network service, in qmail's two-line form. (qmail-smtpd, received.c)

    `helo` is None when the client said none or the same name as `remote_host`; `remote_info` is the IDENT answer.
    """
    said = b"" if helo is None else b" (HELO %s)" % clean(helo)
    info = b"" if remote_info is None else clean(remote_info) + b"@"
    return b"Received: from %s%s (%s%s)\n  by %s with %s; %s\n" % (
        clean(remote_host), said, info, clean(remote_ip), clean(local), protocol, rfc822(now),
    )  # fmt: skip
