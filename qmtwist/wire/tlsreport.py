r"""Deferral texts of TLS towards other hosts, as in a `Z` report: LF-ended, without their letter. (RFC 3463 §3.8)"""

from __future__ import annotations


def handshake_failed(address: bytes, why: bytes) -> bytes:
    r"""TLS is demanded and did not come about; `why` without full stop.

    >>> handshake_failed(b"192.0.2.1", b"certificate has expired")
    b'TLS handshake with 192.0.2.1 failed: certificate has expired. (#4.7.5)\n'
    """
    return b"TLS handshake with %s failed: %s. (#4.7.5)\n" % (address, why)


def not_offered(address: bytes) -> bytes:
    r"""TLS is demanded and the other side does not know STARTTLS.

    >>> not_offered(b"192.0.2.1")
    b'Connected to 192.0.2.1 but it offers no STARTTLS, which control/tlspolicy demands. (#4.7.4)\n'
    """
    return b"Connected to %s but it offers no STARTTLS, which control/tlspolicy demands. (#4.7.4)\n" % address
