"""QMQP inside TLS, for qmail-qmqpc: who the server must be, and who we are. Imported only when a server wants it.

`/tls:POLICY` in control/qmqpservers says what control/tlspolicy says of a domain. Without a POLICY that file's line for
the server's address counts (`[192.0.2.1]:pin:...`), or its line for everybody else; what demands nothing there means
`encrypt` here, for `/tls` never goes out in clear.
"""

from __future__ import annotations

import os
import socket

from qmtwist.agents.remote import outtls
from qmtwist.control import grammar
from qmtwist.control.identity import certificate_path
from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import TYPE_CHECKING
from qmtwist.rules.handshakes import HandshakeFailed
from qmtwist.rules.tlspolicy import Level, Policy, parse_policy, policy_for

if TYPE_CHECKING:
    import _socket
    import ssl

    from qmtwist.wire.qmqp import Server


class Trouble(Exception):
    """There is no TLS with this server; `why` in one line of ASCII. `is_ours`: a control file is the reason."""

    def __init__(self, server: Server, failed: HandshakeFailed, is_ours: bool) -> None:
        super().__init__(failed.text)
        self.why = b"no TLS with %s: %s (#%s)" % (
            server.address.encode(),
            failed.why,
            b"4.3.5" if is_ours else b"4.7.5",
        )
        self.is_ours = is_ours


def start(connection: _socket.socket, server: Server, home: str) -> ssl.SSLSocket:
    """Make a connection encrypted, in no more time than its timeout. `connection` is used up in either case.

    :raises Trouble: no TLS, or not with whom it should be; or a control file cannot be used. The connection is closed.
    """
    sock = socket.socket(fileno=connection.detach())
    sock.settimeout(connection.gettimeout())
    try:
        policy = policy_of(server, home)
        authorities = _path(home, "tlsca")
        own = _own_files(home)
    except (Malformed, OSError) as error:
        sock.close()
        text = error.text if isinstance(error, Malformed) else f"{_name(error.filename)}: {error.strerror}"
        raise Trouble(server, HandshakeFailed(text), is_ours=True) from error
    try:
        encrypted, _ = outtls.start(sock, policy, certificate_names(server, policy), b"", authorities, own)
    except HandshakeFailed as failed:
        raise Trouble(server, failed, is_ours=False) from failed
    return encrypted


def policy_of(server: Server, home: str) -> Policy:
    """What TLS a server must have.

    :raises OSError: control/tlspolicy cannot be read.
    :raises Malformed: it says nothing usable of this server, or control/qmqpservers does not.
    """
    if server.tls:
        return parse_own_policy(server.tls)
    found = policy_for(_literal(server), grammar.read_map(home, "tlspolicy"))
    return found if found.is_demanded else Policy(Level.ENCRYPT)


def parse_own_policy(value: bytes) -> Policy:
    """What stands behind `/tls:`.

    :raises Malformed: it is no policy, or one that lets mail go out in clear.
    """
    policy = parse_policy(value)
    if not policy.is_demanded:
        raise Malformed("behind /tls: there may be encrypt, verify or pin, each as in tlspolicy")
    return policy


def certificate_names(server: Server, policy: Policy) -> tuple[bytes, ...]:
    """The names of which the certificate must bear one, where it is verified: the address, and those of the policy."""
    return (_literal(server), *(name for name in policy.names if name[:1] != b"."))


def _literal(server: Server) -> bytes:
    return b"[%s]" % server.address.encode()


def _own_files(home: str) -> tuple[str, str] | None:
    """Our certificate and its key, by which a hub may know us; None: we have none."""
    certificate = certificate_path(home)
    if not os.path.lexists(certificate):
        return None
    return certificate, _path(home, "tlskey") or certificate


def _path(home: str, name: str) -> str | None:
    return grammar.path_from(home, grammar.read_line(home, name) or b"")


def _name(path: object) -> str:
    return str(path or "control").removeprefix("./")
