"""Who is in: the clients of one service counted, in all, of each address and network, and how often each has come.

One `Crowd` serves all doors of a service, in clear and inside TLS: a limit is one of the service, whatever the form.
"""

from __future__ import annotations

from ipaddress import AddressValueError, IPv6Address

from twisted.internet.interfaces import IReactorTime

from qmtwist.control.settings import AccessSettings
from qmtwist.rules.ratelimit import RateLimit

NO_ACCESS = AccessSettings()  # no rules, no limits but the two of the service


class Crowd:
    """Made for a service; lives as long."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._access = NO_ACCESS
        self._connections = self._network_connections = self._messages = RateLimit(0, 60)
        self._total_limit = self._ip_limit = 0
        self._total = 0
        self._by_block: dict[bytes, int] = {}  # bounded by _total_limit
        self._by_network: dict[bytes, int] = {}  # likewise

    def limit(self, total: int, per_ip: int, access: AccessSettings) -> None:
        """New limits; those who are in stay in, and what was counted of them counts."""
        if access.connections_per_minute != self._access.connections_per_minute:
            self._connections = RateLimit(access.connections_per_minute, 60)
        if access.network_connections_per_minute != self._access.network_connections_per_minute:
            self._network_connections = RateLimit(access.network_connections_per_minute, 60)
        if access.messages_per_hour != self._access.messages_per_hour:
            self._messages = RateLimit(access.messages_per_hour, 3600)
        self._access = access
        self._total_limit, self._ip_limit = total, per_ip

    def objection(self, ip: bytes) -> bytes:
        """Somebody knocks: why there is no place for him; empty: there is. That he came has been counted then."""
        block, network = address_block(ip), network_block(ip)
        return self._full(block, network) or self._too_often(block, network)

    def enter(self, ip: bytes) -> None:
        """He takes his place; `leave` gives it back."""
        self._total += 1
        for counts, key in ((self._by_block, address_block(ip)), (self._by_network, network_block(ip))):
            counts[key] = counts.get(key, 0) + 1

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


def _take_one(counts: dict[bytes, int], key: bytes) -> None:
    left = counts[key] - 1
    if left:
        counts[key] = left
    else:
        del counts[key]


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
