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

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate, DNSName, ExtensionNotFound, IPAddress, SubjectAlternativeName
from OpenSSL import SSL
from OpenSSL.crypto import X509
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from qmtwist.logbook.outtls import Handshake
from qmtwist.rules.certificate import indicated_name, mismatch, pin_of
from qmtwist.rules.handshakes import HandshakeFailed
from qmtwist.rules.tlspolicy import Level, Policy

from .ownkey import Unusable, use_certificate

TIMED_OUT = b"timed out"
OTHER_KEY = "the key of its certificate is none of those that control/tlspolicy names"

# OpenSSL's own words for what is usual; the others are read off the names of its constants
_CODES = SSL.X509VerificationCodes
VERIFICATION_ERRORS: dict[int, str] = {
    code: name.removeprefix("ERR_").replace("_", " ").lower()
    for name, code in vars(_CODES).items()
    if name.startswith("ERR_")
} | {
    _CODES.ERR_CERT_HAS_EXPIRED: "certificate has expired",
    _CODES.ERR_CERT_NOT_YET_VALID: "certificate is not yet valid",
    _CODES.ERR_DEPTH_ZERO_SELF_SIGNED_CERT: "self-signed certificate",
    _CODES.ERR_SELF_SIGNED_CERT_IN_CHAIN: "self-signed certificate in certificate chain",
    _CODES.ERR_UNABLE_TO_GET_ISSUER_CERT: "unable to get issuer certificate",
    _CODES.ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "unable to get local issuer certificate",
    _CODES.ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: "unable to verify the first certificate",
}


class OutgoingTls:
    """The contexts of a process, built when first needed and shared by all connections; a reload makes a new one.

    `ca_path`: a PEM file of authorities that are trusted besides the platform's. `certificate_path`, `key_path`: PEM
    files with our own certificate and its key, shown to those hosts for which that is asked.
    """

    def __init__(
        self, ca_path: str | None = None, certificate_path: str | None = None, key_path: str | None = None
    ) -> None:
        self._ca_path = ca_path
        self._certificate_path = certificate_path
        self._key_path = key_path
        self._ca_trouble = ""
        self._contexts: dict[tuple[bool, bool], SSL.Context] = {}

    def attempt(self, policy: Policy, names: Sequence[bytes], server_name: bytes, is_known: bool = False) -> Attempt:
        """What `startTLS` wants for one connection; the policy's level is not `none`.

        `names` are those of `tlspolicy.certificate_names`; whether the certificate bears one of them is found out at
        every level and decides at `verify`. `server_name` goes out as SNI unless it is an address literal. With
        `is_known` the host is shown our certificate, if we have one.

        :raises HandshakeFailed: verification is demanded and control/tlsca cannot be used, or our own certificate.
        """
        context = self._context(policy.level is Level.MAY, is_known)
        if self._ca_trouble and policy.level is Level.VERIFY:
            raise HandshakeFailed(self._ca_trouble)
        return Attempt(context, policy, names, server_name, self._ca_trouble)

    def _context(self, may_be_weak: bool, is_known: bool) -> SSL.Context:
        key = may_be_weak, is_known
        if key not in self._contexts:
            context = self._build(may_be_weak)
            if is_known:
                self._introduce(context)
            self._contexts[key] = context
        return self._contexts[key]

    def _introduce(self, context: SSL.Context) -> None:
        """Let a context show our certificate."""
        if self._certificate_path is None:
            return
        try:
            use_certificate(context, self._certificate_path, self._key_path or self._certificate_path)
        except Unusable as trouble:
            raise HandshakeFailed(str(trouble)) from trouble

    def _build(self, may_be_weak: bool) -> SSL.Context:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        if may_be_weak:
            # short keys and old signatures keep more from listeners than the clear text that would follow (RFC 7435 §3)
            context.set_cipher_list(b"DEFAULT:@SECLEVEL=0")
            context.set_options(SSL.OP_LEGACY_SERVER_CONNECT)
        context.set_default_verify_paths()
        self._trust(context)
        return context

    def _trust(self, context: SSL.Context) -> None:
        """Let a context trust the authorities of control/tlsca, or remember why it cannot."""
        if self._ca_path is None:
            return
        self._ca_trouble = ""
        try:
            with open(self._ca_path, "rb"):  # OpenSSL does not say what it could not read
                context.load_verify_locations(self._ca_path)
        except OSError as trouble:
            self._ca_trouble = f"control/tlsca cannot be read: {trouble.strerror}"
        except SSL.Error:
            self._ca_trouble = "control/tlsca names no PEM file of certificates"


@implementer(IOpenSSLClientConnectionCreator)
class Attempt:
    """One handshake. Made by OutgoingTls; lives no longer than its connection."""

    def __init__(
        self, context: SSL.Context, policy: Policy, names: Sequence[bytes], server_name: bytes, ca_trouble: str
    ) -> None:
        self._context = context
        self._is_demanded = policy.level in (Level.VERIFY, Level.PIN)
        self._pins = policy.pins if policy.level is Level.PIN else None
        self._names = names
        self._server_name = server_name
        self._ca_trouble = "" if self._pins else ca_trouble
        self._why_not: str | None = None  # None: no certificate was seen; empty: it is good
        self._connection: SSL.Connection | None = None

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        connection = SSL.Connection(self._context, None)
        if indicated := indicated_name(self._server_name):
            connection.set_tlsext_host_name(indicated)
        connection.set_verify(SSL.VERIFY_PEER, self._look_at)
        self._connection = connection
        return connection

    def handshake(self) -> Handshake:
        """What was agreed upon; to be asked once, in `handshakeCompleted`.

        :raises HandshakeFailed: a verified name was demanded and there was no certificate to verify.
        """
        assert self._connection is not None, "asked before the handshake or twice"
        protocol, cipher = self._connection.get_protocol_version_name(), self._connection.get_cipher_name() or ""
        self._connection = None
        why_not = self._outcome()
        if self._is_demanded and why_not:
            raise HandshakeFailed(why_not)
        return Handshake(protocol, cipher, not why_not, why_not)

    def failure(self, reason: Failure) -> HandshakeFailed:
        """Why the connection was lost before the handshake was complete."""
        self._connection = None
        return HandshakeFailed((self._is_demanded and self._why_not) or words_of(reason.value))

    def _outcome(self) -> str:
        why_not = "no certificate" if self._why_not is None else self._why_not
        return why_not and (self._ca_trouble or why_not)

    def _look_at(self, connection: SSL.Connection, certificate: X509, error: int, depth: int, is_good: int) -> bool:
        """OpenSSL's verify callback: the first trouble counts. Called for each certificate, the server's own last."""
        if self._pins is not None:
            return self._is_pinned(certificate, self._pins) if depth == 0 else True
        if self._why_not is None or self._why_not == "":
            if not is_good:
                self._why_not = VERIFICATION_ERRORS.get(error, f"verification error {error}")
            elif depth == 0:
                self._why_not = self._mismatch(certificate)
        return not (self._is_demanded and self._why_not)

    def _is_pinned(self, certificate: X509, pins: Sequence[bytes]) -> bool:
        """With a pin the key alone counts: no authority, no name, no date."""
        pin = pin_of(certificate.to_cryptography().public_bytes(Encoding.DER))
        self._why_not = "" if pin in pins else OTHER_KEY
        return not self._why_not

    def _mismatch(self, certificate: X509) -> str:
        try:
            hosts, addresses = _borne(certificate.to_cryptography())
        except ValueError:
            return "the names in the certificate cannot be read"
        return mismatch(hosts, addresses, self._names)


def _borne(certificate: Certificate) -> tuple[list[str], list[str]]:
    """The host names and the addresses in a certificate's subjectAltName.

    :raises ValueError: it is malformed.
    """
    try:
        borne = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
    except ExtensionNotFound:
        return [], []
    return borne.get_values_for_type(DNSName), [str(address) for address in borne.get_values_for_type(IPAddress)]


def words_of(trouble: BaseException | None) -> str:
    """Why a connection was lost before its handshake was complete, in words for a report."""
    if isinstance(trouble, ConnectionDone | ConnectionLost):
        return "the other side closed the connection"
    if isinstance(trouble, SSL.Error) and trouble.args and isinstance(trouble.args[0], list):
        reasons = [entry[2] for entry in trouble.args[0] if entry[2]]
        return reasons[0] if reasons else "protocol error"
    return str(trouble)
