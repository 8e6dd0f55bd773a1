"""Which name servers to ask, and how: resolv.conf(5), control/nameservers, and what experience says. Pure."""

from __future__ import annotations

from qmtwist.mail.literal import parse_address
from qmtwist.mail.shapes import Callable, Iterable, NamedTuple

PORT = 53
DOWN_S = 30  # a server that did not answer is asked last for so long
PLAIN_S = 600  # a server that cannot read EDNS is asked without for so long
TIMEOUT_LIMIT_S, ATTEMPTS_LIMIT, NDOTS_LIMIT = 30, 5, 15  # as in the C library


class Server(NamedTuple):
    """A name server."""

    address: str  # of either family; a link-local one with its %interface
    port: int = PORT


class NameService(NamedTuple):
    """Whom to ask. `search` and `ndots` are for names that people type; mail is never sent by them."""

    servers: tuple[Server, ...] = (Server("127.0.0.1"), Server("::1"))
    timeout_s: float = 5  # of a first query; the second one to the same server waits twice as long
    attempts: int = 2  # queries to a server that does not answer
    search: tuple[bytes, ...] = ()
    ndots: int = 1  # a name with so many dots is first tried as it is


class Health:
    """What a resolver learns about its servers, for all its lookups. Instants are those of its lookups."""

    def __init__(self) -> None:
        self._down: dict[Server, float] = {}
        self._plain: dict[Server, float] = {}

    def order(self, servers: Iterable[Server], now: float) -> list[Server]:
        """The servers in their order, but those that were silent a moment ago last."""
        return sorted(servers, key=lambda server: self._down.get(server, now) > now)

    def silent(self, server: Server, now: float) -> None:
        """It did not answer."""
        self._down[server] = now + DOWN_S

    def answered(self, server: Server) -> None:
        """It answered, whatever."""
        self._down.pop(server, None)

    def cannot_edns(self, server: Server, now: float) -> None:
        """It complained about a query with EDNS."""
        self._plain[server] = now + PLAIN_S

    def has_edns(self, server: Server, now: float) -> bool:
        """Whether to ask with EDNS."""
        return self._plain.get(server, now) <= now


def parse_server(line: bytes) -> Server | None:
    """`address`, `address port`, `[address]:port` or `192.0.2.1:port`; None if it is none of these.

    >>> parse_server(b"127.0.0.1"), parse_server(b"::1 5353"), parse_server(b"[fe80::1%eth0]:54")
    (Server(address='127.0.0.1', port=53), Server(address='::1', port=5353), Server(address='fe80::1%eth0', port=54))
    >>> parse_server(b"ns.example.org"), parse_server(b"127.0.0.1 70000")
    (None, None)
    """
    words = line.split()
    if not 1 <= len(words) <= 2:
        return None
    host, port = words[0], words[1] if len(words) == 2 else b"53"
    if host[:1] == b"[" and len(words) == 1:
        host, bracket, port = host[1:].partition(b"]")
        if not bracket:
            return None
        port = port.removeprefix(b":") if port else b"53"
    elif host.count(b":") == 1 and len(words) == 1:
        host, _, port = host.partition(b":")
    address = _scoped(host)
    if address is None or not port.isdigit() or len(port) > 5 or not 0 < int(port) < 65536:
        return None
    return Server(address, int(port))


def _scoped(host: bytes) -> str | None:
    bare, percent, scope = host.partition(b"%")
    address = parse_address(bare)
    if address is None or not percent:
        return address
    if ":" not in address or not scope.replace(b"-", b"").replace(b"_", b"").replace(b".", b"").isalnum():
        return None
    return address + "%" + scope.decode("ascii")


def parse_resolv_conf(text: bytes) -> NameService:
    r"""What /etc/resolv.conf says. What it says badly is passed over, as the C library does; without servers: loopback.

    >>> service = parse_resolv_conf(b"nameserver 192.0.2.1 # ours\nsearch a.example b.example\noptions attempts:3\n")
    >>> service.servers, service.attempts, service.search
    ((Server(address='192.0.2.1', port=53),), 3, (b'a.example', b'b.example'))
    """
    servers: list[Server] = []
    service = NameService()
    for line in text.splitlines():
        words = line.split(b"#")[0].split(b";")[0].split()
        if len(words) < 2:
            continue
        if words[0] == b"nameserver" and (server := parse_server(b" ".join(words[1:]))) and server not in servers:
            servers.append(server)
        elif words[0] == b"options":
            service = _with_options(service, words[1:])
        elif words[0] in (b"search", b"domain"):  # the last one counts
            service = service._replace(search=tuple(word.rstrip(b".").lower() for word in words[1:]))
    return service._replace(servers=tuple(servers)) if servers else service


def _with_options(service: NameService, words: list[bytes]) -> NameService:
    for word in words:
        name, _, value = word.partition(b":")
        if not value.isdigit():
            continue
        number = int(value[:9])
        if name == b"timeout":
            service = service._replace(timeout_s=max(1, min(number, TIMEOUT_LIMIT_S)))
        elif name == b"attempts":
            service = service._replace(attempts=max(1, min(number, ATTEMPTS_LIMIT)))
        elif name == b"ndots":
            service = service._replace(ndots=min(number, NDOTS_LIMIT))
    return service


def candidates(name: bytes, service: NameService) -> list[bytes]:
    """The full names that a name as people type it may mean, in the order in which to try them. (resolv.conf(5))

    >>> candidates(b"mail", NameService(search=(b"a.example", b"b.example")))
    [b'mail.a.example', b'mail.b.example', b'mail']
    >>> candidates(b"mail.", NameService(search=(b"a.example",)))
    [b'mail']
    """
    if name.endswith(b"."):
        return [name[:-1]]
    longer = [name + b"." + domain for domain in service.search if domain]
    return [name, *longer] if name.count(b".") >= service.ndots else [*longer, name]


Chance = Callable[[int], int]
"""A random number from 0 to below its argument, that nobody can guess."""
