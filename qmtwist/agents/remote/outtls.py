"""TLS towards other hosts on a blocking socket, for qmail-remote. (RFC 3207)"""

from __future__ import annotations

from qmtwist.logbook.outtls import Handshake
from qmtwist.mail.shapes import TYPE_CHECKING, Sequence, cast
from qmtwist.rules.certificate import indicated_name, mismatch, pin_of
from qmtwist.rules.handshakes import HandshakeFailed
from qmtwist.rules.tlspolicy import Level, Policy

if TYPE_CHECKING:
    import socket
    import ssl  # slow to import, and most hosts of a program that is run per delivery are spoken to once

UNASKED = "not asked for"


def start(
    sock: socket.socket,
    policy: Policy,
    names: Sequence[bytes],
    server_name: bytes,
    ca_path: str | None = None,
    own: tuple[str, str] | None = None,
) -> tuple[ssl.SSLSocket, Handshake]:
    """Make a connection encrypted, in no more time than the socket's timeout; the policy's level is not `none`.

    `names` are those of `tlspolicy.certificate_names`, of which the certificate must bear one at level `verify`; at
    the others nobody looks at it. `server_name` goes out as SNI unless it is an address literal. `ca_path`: a PEM file
    of authorities that are trusted besides the platform's. `own`: PEM files of the certificate and key that are shown
    to the other side. `sock` is used up in either case.

    :raises HandshakeFailed: there is no TLS, or not with whom it should be; the connection is closed.
    """
    server = indicated_name(server_name).decode("ascii") or None
    encrypted: ssl.SSLSocket | None = None
    try:
        context = _context(policy.level, ca_path)
        if own is not None:
            _introduce(context, *own)
        encrypted = context.wrap_socket(sock, server_hostname=server, do_handshake_on_connect=False)
        encrypted.do_handshake()
        why_not = UNASKED
        if policy.level is Level.VERIFY and (why_not := _mismatch(encrypted, names)):
            raise HandshakeFailed(why_not)
        if policy.level is Level.PIN and (why_not := _is_other_key(encrypted, policy)):
            raise HandshakeFailed(why_not)
    except (OSError, ValueError, HandshakeFailed) as trouble:
        (encrypted or sock).close()
        raise HandshakeFailed(_words(trouble)) from trouble
    return encrypted, Handshake(encrypted.version() or "", (encrypted.cipher() or ("",))[0], not why_not, why_not)


def _context(level: Level, ca_path: str | None) -> ssl.SSLContext:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False  # one of several names will do: _mismatch
    if level is Level.VERIFY:
        context.set_default_verify_paths()
        _trust(context, ca_path)
        return context
    context.verify_mode = ssl.CERT_NONE
    # at `may`, short keys and old signatures keep more from listeners than the clear text that would follow
    context.set_ciphers("DEFAULT:@SECLEVEL=0" if level is Level.MAY else "DEFAULT")
    return context


def _trust(context: ssl.SSLContext, ca_path: str | None) -> None:
    import ssl

    if ca_path is None:
        return
    try:
        context.load_verify_locations(ca_path)
    except ssl.SSLError:
        raise HandshakeFailed("control/tlsca names no PEM file of certificates") from None
    except OSError as trouble:
        raise HandshakeFailed(f"control/tlsca cannot be read: {trouble.strerror}") from trouble


def _introduce(context: ssl.SSLContext, certificate_path: str, key_path: str) -> None:
    import ssl

    try:
        context.load_cert_chain(certificate_path, key_path)
    except ssl.SSLError:
        raise HandshakeFailed("control/tlscert and control/tlskey name no certificate with its key") from None
    except OSError as trouble:
        raise HandshakeFailed(f"our certificate or its key cannot be read: {trouble.strerror}") from trouble


def _is_other_key(encrypted: ssl.SSLSocket, policy: Policy) -> str:
    """With a pin the key alone counts: no authority, no name, no date."""
    certificate = encrypted.getpeercert(binary_form=True)
    if certificate is not None and pin_of(certificate) in policy.pins:
        return ""
    return "the key of its certificate is none of those that control/tlspolicy names"


def _mismatch(encrypted: ssl.SSLSocket, names: Sequence[bytes]) -> str:
    certificate = encrypted.getpeercert() or {}
    borne = cast("tuple[tuple[str, str], ...]", certificate.get("subjectAltName", ()))  # typeshed knows no better
    hosts = [value for kind, value in borne if kind == "DNS"]
    addresses = [value for kind, value in borne if kind == "IP Address"]
    return mismatch(hosts, addresses, names)


def _words(trouble: OSError | ValueError | HandshakeFailed) -> str:
    """Why there is no TLS, in words for a report."""
    import ssl

    match trouble:
        case HandshakeFailed():
            return trouble.text
        case ssl.SSLCertVerificationError():
            return trouble.verify_message
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError() | ConnectionError():
            return "the other side closed the connection"
        case ssl.SSLError() if trouble.reason:
            return trouble.reason.replace("_", " ").lower()
        case TimeoutError():
            return "timed out"
        case OSError() if trouble.strerror:
            return trouble.strerror
    return str(trouble)
