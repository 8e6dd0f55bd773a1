"""TLS from the first byte, for services: our certificate, and the clients who are known by their keys.

    tls = IncomingTls(certificate_path, key_path)      # Unusable: not with these files
    greeting = tls.greeting()
    transport.startTLS(greeting)
    # the protocol provides IHandshakeListener:
    #   handshakeCompleted(): greeting.pin() is that of the client's key, or empty

Every certificate of a client will do, signed by whomever: TLS proves that he has its key, and the key is pinned or not.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from OpenSSL.crypto import X509
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from qmtwist.rules.certificate import pin_of

from .ownkey import use_certificate


class IncomingTls:
    """What the services inside TLS share; a reload makes a new one, for the connections that come then."""

    def __init__(self, certificate_path: str, key_path: str, wants_key: bool = True) -> None:
        """Clients are asked for a certificate of their own if it is wanted.

        :raises qmtwist.services.tls.ownkey.Unusable: not with these files.
        """
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE)
        # A session that is resumed shows no certificate; and these are few connections with many messages.
        context.set_options(SSL.OP_NO_TICKET)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        if wants_key:
            context.set_verify(SSL.VERIFY_PEER, _anybody)
        use_certificate(context, certificate_path, key_path)
        self._context = context

    def greeting(self) -> Greeting:
        """What `startTLS` wants for one connection."""
        return Greeting(self._context)


def _anybody(connection: SSL.Connection, certificate: X509, error: int, depth: int, is_good: int) -> bool:
    """OpenSSL's verify callback: authorities do not matter, the handshake proves who has the key."""
    return True


@implementer(IOpenSSLServerConnectionCreator)
class Greeting:
    """One handshake. Lives no longer than its connection."""

    def __init__(self, context: SSL.Context) -> None:
        self._context = context
        self._connection: SSL.Connection | None = None

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        self._connection = SSL.Connection(self._context, None)
        return self._connection

    def pin(self) -> bytes:
        """The pin of the client's key, to be asked in `handshakeCompleted`; empty: he showed no certificate."""
        assert self._connection is not None, "asked before the handshake"
        certificate = self._connection.get_peer_certificate()
        return b"" if certificate is None else pin_of(certificate.to_cryptography().public_bytes(Encoding.DER))
