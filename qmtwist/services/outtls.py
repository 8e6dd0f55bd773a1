"""TLS towards other hosts, for Twisted transports: opportunistic, demanded, or with a verified name. (RFC 3207)

    attempt = tls.attempt(policy, names, target.name)    # HandshakeFailed: it cannot be tried at all
    transport.startTLS(attempt)
    # the protocol provides IHandshakeListener:
    #   handshakeCompleted(): attempt.handshake() says what was agreed upon
    #   connectionLost(reason) before that: attempt.failure(reason) says why not

The deadline of a handshake is its caller's: abort the connection, and say `TIMED_OUT`.
"""

from __future__ import annotations

from collections.abc import Sequence

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from qmtwist.logbook.outtls import Handshake
from qmtwist.rules.handshakes import HandshakeFailed
from qmtwist.rules.tlspolicy import Policy

TIMED_OUT = b"timed out"


class OutgoingTls:
    """The contexts of a process, built when first needed and shared by all connections; a reload makes a new one.

    `ca_path`: a PEM file of authorities that are trusted besides the platform's.
    """

    def __init__(self, ca_path: str | None = None) -> None:
        self._ca_path = ca_path
        self._contexts: dict[bool, SSL.Context] = {}

    def attempt(self, policy: Policy, names: Sequence[bytes], server_name: bytes) -> Attempt:
        """What `startTLS` wants for one connection; the policy's level is not `none`.

        `names` are those of `tlspolicy.certificate_names`; whether the certificate bears one of them is found out at
        every level and decides at `verify`. `server_name` goes out as SNI unless it is an address literal.

        :raises HandshakeFailed: verification is demanded and control/tlsca cannot be used.
        """
        raise HandshakeFailed("PLACE")


@implementer(IOpenSSLClientConnectionCreator)
class Attempt:
    """One handshake. Made by OutgoingTls; lives no longer than its connection."""

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        raise HandshakeFailed("PLACE")

    def handshake(self) -> Handshake:
        """What was agreed upon; to be asked after `handshakeCompleted`."""
        raise HandshakeFailed("PLACE")

    def failure(self, reason: Failure) -> HandshakeFailed:
        """Why the connection was lost before the handshake was complete."""
        raise HandshakeFailed("PLACE")
