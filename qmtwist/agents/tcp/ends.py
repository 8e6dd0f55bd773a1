"""Both ends of a TCP connection: their addresses, their names, and the environment that tells a program of them.

(tcp-environ(5))
"""

from __future__ import annotations

from qmtwist.mail.dns import Answer, Kind, Question, Status
from qmtwist.mail.literal import parse_address
from qmtwist.mail.shapes import Mapping, NamedTuple, Protocol
from qmtwist.wire.reverse import pointer_question

VARIABLES = (
    b"PROTO", b"TCPLOCALIP", b"TCPLOCALPORT", b"TCPLOCALHOST", b"TCPREMOTEIP", b"TCPREMOTEPORT", b"TCPREMOTEHOST",
    b"TCPREMOTEINFO",
)  # fmt: skip


class Ends(NamedTuple):
    """IPv4 or IPv6 addresses in their usual form, and ports."""

    local_ip: bytes
    local_port: int
    remote_ip: bytes
    remote_port: int


class Known(NamedTuple):
    """What else is known; None: nothing. Host names are in lower case."""

    local_host: bytes | None = None
    remote_host: bytes | None = None
    remote_info: bytes | None = None


class Socket(Protocol):
    """What a connection is asked."""

    def getsockname(self) -> object:
        """Our end."""

    def getpeername(self) -> object:
        """The other end."""


class Asked(Protocol):
    """Who answers DNS questions (agents/dns.Resolver)."""

    def ask(self, *questions: Question) -> tuple[Answer, ...]:
        """The answers in order."""


class NotTcp(Exception):
    """This descriptor is no TCP connection."""


def of(sock: Socket, peer: object = None) -> Ends:
    """The ends of a connection; `peer` is what accept said.

    :raises OSError: without `peer`, the other end has gone. :raises NotTcp: another kind of socket.
    """
    return Ends(*_plain(sock.getsockname()), *_plain(sock.getpeername() if peer is None else peer))


def _plain(address: object) -> tuple[bytes, int]:
    """An IPv4 client of an IPv6 socket is an IPv4 client."""
    if not isinstance(address, tuple) or not isinstance(address[0], str):
        raise NotTcp
    ip = address[0].partition("%")[0]  # fe80::1%eth0
    if ip[:7] == "::ffff:" and "." in ip:
        ip = ip[7:]
    return ip.encode("ascii"), address[1]


def environment(base: Mapping[bytes, bytes], ends: Ends, known: Known) -> dict[bytes, bytes]:
    """`base` with the variables of a connection. What is not known is not set, whatever `base` has."""
    environ = dict(base)
    for name in VARIABLES:
        environ.pop(name, None)
    environ[b"PROTO"] = b"TCP"
    environ[b"TCPLOCALIP"], environ[b"TCPLOCALPORT"] = ends.local_ip, b"%d" % ends.local_port
    environ[b"TCPREMOTEIP"], environ[b"TCPREMOTEPORT"] = ends.remote_ip, b"%d" % ends.remote_port
    for name, value in (
        (b"TCPLOCALHOST", known.local_host),
        (b"TCPREMOTEHOST", known.remote_host),
        (b"TCPREMOTEINFO", known.remote_info),
    ):
        if value is not None:
            environ[name] = value
    return environ


def host_names(resolver: Asked, ips: list[bytes], on_trouble: bytes | None = None) -> list[bytes | None]:
    """The name of each address, or None. `on_trouble` is the name of one whose name is not known for now."""
    answers = resolver.ask(*(pointer_question(ip.decode("ascii")) for ip in ips))
    return [on_trouble if answer.status is Status.TROUBLE else _first(answer) for answer in answers]


def _first(answer: Answer) -> bytes | None:
    name: bytes = answer.records[0] if answer.records else b""
    return name.lower() or None


def points_back(resolver: Asked, host: bytes, ip: bytes) -> bool:
    """Whether a host's name leads to this address."""
    (answer,) = resolver.ask(Question(host, Kind.AAAA if b":" in ip else Kind.A))
    wanted = parse_address(ip)
    return any(parse_address(address.encode("ascii")) == wanted for address in answer.records)
