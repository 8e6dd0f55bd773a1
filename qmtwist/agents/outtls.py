"""TLS towards other hosts on a blocking socket, for qmail-remote. (RFC 3207)"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from qmtwist.logbook.outtls import Handshake
from qmtwist.rules.certificate import mismatch
from qmtwist.rules.handshakes import HandshakeFailed
from qmtwist.rules.tlspolicy import Level, Policy

if TYPE_CHECKING:
    import socket
    import ssl  # slow to import, and most hosts of a program that is run per delivery are spoken to once

UNASKED = "not asked for"


def start(
    sock: socket.socket, policy: Policy, names: Sequence[bytes], server_name: bytes, ca_path: str | None = None
) -> tuple[ssl.SSLSocket, Handshake]:
    """Make a connection encrypted, in no more time than the socket's timeout; the policy's level is not `none`.

    `names` are those of `tlspolicy.certificate_names`, of which the certificate must bear one at level `verify`; at
    the others nobody looks at it. `server_name` goes out as SNI unless it is an address literal. `ca_path`: a PEM file
    of authorities that are trusted besides the platform's. `sock` is used up in either case.

    :raises HandshakeFailed: there is no TLS, or not with whom it should be; the connection is closed.
    """
    context = _context(policy.level, ca_path)
    server = None if server_name.startswith(b"[") else server_name.decode("ascii", "replace")
    encrypted: ssl.SSLSocket | None = None
    try:
        encrypted = context.wrap_socket(sock, server_hostname=server, do_handshake_on_connect=False)
        encrypted.do_handshake()
        why_not = _why_not(encrypted, names) if policy.level is Level.VERIFY else UNASKED
        if policy.level is Level.VERIFY and why_not:
            raise HandshakeFailed(why_not)
    except BaseException as trouble:
        (encrypted or sock).close()
        if isinstance(trouble, OSError | ValueError):
            raise HandshakeFailed(_why(trouble)) from trouble
        raise
    cipher = encrypted.cipher()
    return encrypted, Handshake(encrypted.version() or "", cipher[0] if cipher else "", not why_not, why_not)


def _context(level: Level, ca_path: str | None) -> ssl.SSLContext:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False  # one of several names will do: _why_not
    if level is not Level.VERIFY:
        context.verify_mode = ssl.CERT_NONE
        return context
    context.set_default_verify_paths()
    if ca_path is not None:
        try:
            context.load_verify_locations(ca_path)
        except OSError as trouble:
            raise HandshakeFailed(f"control/tlsca cannot be used: {trouble.strerror}") from trouble
    return context


def _why_not(encrypted: ssl.SSLSocket, names: Sequence[bytes]) -> str:
    certificate = encrypted.getpeercert() or {}
    borne = cast(
        "tuple[tuple[str, str], ...]", certificate.get("subjectAltName", ())
    )  # typeshed has no more exact type
    hosts = [value for kind, value in borne if kind == "DNS"]
    addresses = [value for kind, value in borne if kind == "IP Address"]
    return mismatch(hosts, addresses, names)


def _why(trouble: OSError | ValueError) -> str:
    return str(trouble)
