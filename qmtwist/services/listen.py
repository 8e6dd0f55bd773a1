"""The door: how many connections there may be, how often a client may come, and what its address may do.

A `Door` stands before each listening service. Who comes in is counted, in all, of each client and of each network; then
the rules of control/tcprules are asked, and only if a rule needs it the client's name and its IDENT server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import NamedTuple

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from qmtwist.control.settings import AccessSettings
from qmtwist.logbook.smtp import TurnedAway, escape, word
from qmtwist.rules import peers
from qmtwist.rules.ratelimit import RateLimit

from .clientnames import ClientNames
from .peerrules import PeerRules

LINE_S = 1.0  # lines about connections turned away come no oftener
NO_ACCESS = AccessSettings()  # no rules, no limits but the two of the service


class Peer(NamedTuple):
    """A client that was let in: its address as text, its port, what the rules say about it, and which rule does
    (`tcprules:3` or `tcprules.cdb:127.`; empty: none fits).
    """

    ip: bytes
    port: int
    variables: Mapping[bytes, bytes]
    rule: bytes = b""


class TooMany(NamedTuple):
    """Not let in: there are too many already, or it came too often. To be told to the client."""


class Denied(NamedTuple):
    """Not let in: a rule says so. The client is told nothing, as tcpserver does."""


class Unknown(NamedTuple):
    """It has a place, but nobody knows yet what it may do: ask `Door.judge`."""

    ip: bytes
    port: int


class Door:
    """Lets connections in or not. Made by a service's factory, which tells it of every end.

    A closed service is for those whom a rule allows, alone: a rule of its own file, or one of the common file that
    gives RELAYCLIENT. Without `names` rules about names and IDENT fit nobody.
    """

    def __init__(
        self,
        service: bytes,
        clock: IReactorTime,
        log: Callable[[bytes], None],
        names: ClientNames | None = None,
        is_closed: bool = False,
    ) -> None:
        self._service = service
        self._clock = clock
        self._log = log
        self._names = names
        self._is_closed = is_closed
        self._rules = PeerRules(None, "", clock, log)
        self._access = NO_ACCESS
        self._connections = self._network_connections = self._messages = RateLimit(0, 60)
        self._total_limit = self._ip_limit = 0
        self._total = 0
        self._by_block: dict[bytes, int] = {}  # bounded by _total_limit
        self._by_network: dict[bytes, int] = {}  # likewise
        self._line_at = float("-inf")
        self._unsaid = 0

    def configure(self, total: int, per_ip: int, access: AccessSettings = NO_ACCESS) -> None:
        """New limits and rules; those who are in stay in, and what was counted of them counts.

        :raises OSError, Malformed: the rules cannot be read; nothing has changed.
        """
        self._rules = PeerRules(access.directory, self._service.decode(), self._clock, self._log)
        if access.connections_per_minute != self._access.connections_per_minute:
            self._connections = RateLimit(access.connections_per_minute, 60)
        if access.network_connections_per_minute != self._access.network_connections_per_minute:
            self._network_connections = RateLimit(access.network_connections_per_minute, 60)
        if access.messages_per_hour != self._access.messages_per_hour:
            self._messages = RateLimit(access.messages_per_hour, 3600)
        self._access = access
        self._total_limit, self._ip_limit = total, per_ip

    def admit(self, host: str | bytes, port: int) -> Peer | Unknown | TooMany | Denied:
        """Somebody has connected. For a `Peer` or `Unknown` call `leave` with its ip when it is gone."""
        ip = plain_ip(host)
        block = address_block(ip)
        network = network_block(ip)
        reason = self._full(block, network) or self._too_often(block, network)
        if reason:
            self._note(ip, reason)
            return TooMany()
        rules, _ = self._rules.now()
        answer: Peer | Unknown | Denied
        if self._names is not None and self._wants_more(rules, ip):
            answer = Unknown(ip, port)
        else:
            answer = self._decide(ip, port, None, None)
        if not isinstance(answer, Denied):
            self._total += 1
            self._by_block[block] = self._by_block.get(block, 0) + 1
            self._by_network[network] = self._by_network.get(network, 0) + 1
        return answer

    def judge(self, client: Unknown, local: tuple[str, int]) -> Deferred[Peer | Denied]:
        """What somebody may do of whom more must be known; `local` is our end of the connection. It never fails, and
        takes no longer than the limits of both lookups together.
        """
        ip, port = client
        names, access = self._names, self._access
        assert names is not None
        rules, _ = self._rules.now()

        def informed(info: bytes | None) -> Deferred[Peer | Denied]:
            asked: Deferred[bytes | None] = succeed(None)
            if peers.wants_host(rules, ip, info):
                asked = names.host(ip, access.is_paranoid)
            return asked.addCallback(lambda host: self._decide(ip, port, host, info))

        told: Deferred[bytes | None] = succeed(None)
        if peers.wants_info(rules, ip):
            told = names.info(ip, port, local, access.ident_timeout_s)
        return told.addCallback(informed)

    def leave(self, ip: bytes) -> None:
        """A connection that had a place is gone."""
        self._total -= 1
        _take_one(self._by_block, address_block(ip))
        _take_one(self._by_network, network_block(ip))

    def may_send(self, ip: bytes) -> bool:
        """Whether `take_message` would be allowed now."""
        return self._messages.may(address_block(ip), self._clock.seconds())

    def take_message(self, ip: bytes) -> bool:
        """A client begins a message: whether it may, by control/messagerate."""
        return self._messages.take(address_block(ip), self._clock.seconds())

    def _full(self, block: bytes, network: bytes) -> bytes:
        """Why there is no room; empty: there is."""
        if self._total >= self._total_limit:
            return b"too many connections"
        if self._by_block.get(block, 0) >= self._ip_limit:
            return b"too many connections of this address"
        if self._access.per_network and self._by_network.get(network, 0) >= self._access.per_network:
            return b"too many connections of this network"
        return b""

    def _too_often(self, block: bytes, network: bytes) -> bytes:
        """Why it comes too soon again; empty: it does not, and has been counted."""
        now = self._clock.seconds()
        if not self._connections.take(block, now):
            return b"too many connections of this address in a minute"
        if not self._network_connections.take(network, now):
            return b"too many connections of this network in a minute"
        return b""

    def _wants_more(self, rules: peers.Peers, ip: bytes) -> bool:
        """Whether it depends on the client's name or IDENT; a client of a UNIX socket has neither."""
        return (peers.wants_info(rules, ip) or peers.wants_host(rules, ip, None)) and _is_ip(ip)

    def _decide(self, ip: bytes, port: int, host: bytes | None, info: bytes | None) -> Peer | Denied:
        rules, is_own = self._rules.now()
        decision = peers.lookup(rules, ip, host, info)
        if decision.is_denied:
            self._note(ip, b"denied by control/" + escape(decision.rule))
            return Denied()
        if self._is_closed and not (decision.rule and (is_own or b"RELAYCLIENT" in decision.variables)):
            self._note(ip, b"no rule of control/tcprules.%s allows it" % self._service)
            return Denied()
        variables = dict(decision.variables)
        if host is not None:
            variables.setdefault(b"TCPREMOTEHOST", host)
        if info is not None:
            variables.setdefault(b"TCPREMOTEINFO", info)
        return Peer(ip, port, variables, decision.rule)

    def note_bug(self, trace: str) -> None:
        """Log a traceback."""
        for line in trace.splitlines():
            self._log(b"%s: bug: %s" % (self._service, line.encode("utf-8", "backslashreplace")))

    def _note(self, ip: bytes, reason: bytes) -> None:
        now = self._clock.seconds()
        if now - self._line_at < LINE_S:
            self._unsaid += 1
        else:
            self._log(word(TurnedAway(self._service, ip, reason, self._unsaid)))
            self._line_at, self._unsaid = now, 0


def _take_one(counts: dict[bytes, int], key: bytes) -> None:
    left = counts[key] - 1
    if left:
        counts[key] = left
    else:
        del counts[key]


def _is_ip(ip: bytes) -> bool:
    try:
        text = ip.decode("ascii")
        return (IPv6Address(text) if b":" in ip else IPv4Address(text)) is not None
    except (AddressValueError, UnicodeDecodeError):
        return False


def plain_ip(host: str | bytes) -> bytes:
    """An address as text; an IPv4 client of an IPv6 socket is an IPv4 client.

    >>> plain_ip("::ffff:192.0.2.7"), plain_ip("2001:db8::1")
    (b'192.0.2.7', b'2001:db8::1')
    """
    text = host if isinstance(host, bytes) else host.encode("ascii", "replace")
    text = text.partition(b"%")[0]  # fe80::1%eth0
    if text[:7].lower() == b"::ffff:" and b"." in text:
        return text[7:]
    return text


def address_block(ip: bytes) -> bytes:
    """What is counted as one client: an IPv4 address, or the /64 of an IPv6 one, for that is what one customer gets."""
    return _packed6(ip)[:8] or ip


def network_block(ip: bytes) -> bytes:
    """What is counted as one network: the /24 of an IPv4 address, the /48 of an IPv6 one, which is what a site gets.

    >>> network_block(b"192.0.2.7"), network_block(b"2001:db8:1:2::3").hex(), network_block(b"unknown")
    (b'192.0.2.', '20010db80001', b'unknown')
    """
    return _packed6(ip)[:6] or ip[: ip.rfind(b".") + 1] or ip


def _packed6(ip: bytes) -> bytes:
    if b":" not in ip:
        return b""
    try:
        return IPv6Address(ip.decode("ascii")).packed
    except (AddressValueError, UnicodeDecodeError):
        return b""
