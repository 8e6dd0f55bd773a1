"""Log lines of TLS towards other hosts: what was agreed upon with whom, or why nothing was.

    tls far.example 192.0.2.1 TLSv1.3 TLS_AES_256_GCM_SHA384 verified
    tls far.example 192.0.2.1 TLSv1.3 TLS_AES_256_GCM_SHA384 unverified: self-signed certificate
    tls far.example 192.0.2.1 failed: wrong version number

The name is the one under which the host was found. `verified` means that control/tlspolicy could demand it.
"""

from __future__ import annotations

from qmtwist.mail.shapes import NamedTuple

from .smtp import escape


class Handshake(NamedTuple):
    """A handshake that succeeded. `why_not` is empty exactly if `is_verified`; it may quote the certificate."""

    protocol: str  # "TLSv1.3"
    cipher: str  # "TLS_AES_256_GCM_SHA384"
    is_verified: bool
    why_not: str


def word(handshake: Handshake, name: bytes, address: str) -> bytes:
    """The line of a handshake, without LF. `name` is the target's.

    >>> word(Handshake("TLSv1.3", "TLS_AES_256_GCM_SHA384", False, "certificate has expired"), b"far", "192.0.2.1")
    b'tls far 192.0.2.1 TLSv1.3 TLS_AES_256_GCM_SHA384 unverified: certificate has expired'
    """
    agreed = f"{handshake.protocol} {handshake.cipher}".encode("ascii", "replace")
    outcome = b"verified" if handshake.is_verified else b"unverified: " + _text(handshake.why_not)
    return b"tls %s %s %s %s" % (escape(name), address.encode(), agreed, outcome)


def word_failure(why: bytes, name: bytes, address: str) -> bytes:
    """The line of a handshake that failed, without LF.

    >>> word_failure(b"wrong version number", b"far.example", "192.0.2.1")
    b'tls far.example 192.0.2.1 failed: wrong version number'
    """
    return b"tls %s %s failed: %s" % (escape(name), address.encode(), escape(why, b" "))


def _text(text: str) -> bytes:
    return escape(text.encode("ascii", "backslashreplace"), b" ")
