"""The door: how many connections there may be, and what a client's address may do.

A `Door` stands before each listening service. It counts connections, in all and of each address, and reads
control/tcprules again whenever the file has changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from ipaddress import AddressValueError, IPv6Address
from typing import NamedTuple

from twisted.internet.interfaces import IReactorTime

from qmtwist.logbook.smtp import TurnedAway, word
from qmtwist.rules import peers

LOOK_S = 1.0  # the rules file is looked at no oftener
LINE_S = 1.0  # lines about connections turned away come no oftener


class Peer(NamedTuple):
    """A client that was let in: its address as text, its port, and what the rules say about it.

    `rule` is the one that lets it in, as `file:line`; empty: there is none.
    """

    ip: bytes
    port: int
    variables: Mapping[bytes, bytes]
    rule: bytes = b""


class TooMany(NamedTuple):
    """Not let in: there are too many already. To be told to the client."""


class Denied(NamedTuple):
    """Not let in: a rule says so. The client is told nothing, as tcpserver does."""


class PeerRules:
    """The rules of control/tcprules, as they stand in the file now.

    A file that cannot be read or understood leaves the rules as they were, and a line in the log; one that is not there
    means no rules.
    """

    def __init__(self, path: str | None, clock: IReactorTime, log: Callable[[bytes], None]) -> None:
        """:raises OSError: the file is there and cannot be read. :raises peers.BadRule: a line is no rule."""
        self._path = path
        self._clock = clock
        self._log = log
        self._looked = clock.seconds()
        self._seen = self._identity()
        self._rules = self._read()

    def lookup(self, ip: bytes) -> peers.Decision:
        """What this address may do."""
        now = self._clock.seconds()
        if not 0 <= now - self._looked < LOOK_S:
            self._looked = now
            self._look()
        return peers.lookup(self._rules, ip, None, None)

    def _look(self) -> None:
        try:
            seen = self._identity()
            if seen != self._seen:
                self._seen = seen
                self._rules = self._read()
        except (OSError, peers.BadRule) as trouble:
            self._log(b"smtp: warning: control/tcprules: %s; the old rules stay" % str(trouble).encode())

    def _identity(self) -> tuple[int, int, int] | None:
        if self._path is None:
            return None
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size

    def _read(self) -> peers.Peers:
        if self._path is None or self._seen is None:
            return peers.NOBODY
        with open(self._path, "rb") as stream:
            return peers.parse(stream.read().replace(b"\r\n", b"\n"))


class Door:
    """Lets connections in or not. Made by a service's factory, which tells it of every end."""

    def __init__(self, service: bytes, clock: IReactorTime, log: Callable[[bytes], None]) -> None:
        self._service = service
        self._clock = clock
        self._log = log
        self._rules = PeerRules(None, clock, log)
        self._total_limit = self._ip_limit = 0
        self._total = 0
        self._by_block: dict[bytes, int] = {}  # bounded by _total_limit
        self._line_at = float("-inf")
        self._unsaid = 0

    def configure(self, total: int, per_ip: int, rules_path: str | None) -> None:
        """New limits and rules; those who are in stay in.

        :raises OSError, peers.BadRule: the rules cannot be read; nothing has changed.
        """
        self._rules = PeerRules(rules_path, self._clock, self._log)
        self._total_limit, self._ip_limit = total, per_ip

    def admit(self, host: str | bytes, port: int) -> Peer | TooMany | Denied:
        """Somebody has connected. For a `Peer` call `leave` with its ip when it is gone."""
        ip = plain_ip(host)
        block = address_block(ip)
        if self._total >= self._total_limit:
            return self._turn_away(ip, b"too many connections", TooMany())
        if self._by_block.get(block, 0) >= self._ip_limit:
            return self._turn_away(ip, b"too many connections of this address", TooMany())
        decision = self._rules.lookup(ip)
        if decision.is_denied:
            return self._turn_away(ip, b"denied by control/tcprules", Denied())
        self._total += 1
        self._by_block[block] = self._by_block.get(block, 0) + 1
        return Peer(ip, port, decision.variables, decision.rule)

    def leave(self, ip: bytes) -> None:
        """A connection that was let in is gone."""
        block = address_block(ip)
        self._total -= 1
        left = self._by_block[block] - 1
        if left:
            self._by_block[block] = left
        else:
            del self._by_block[block]

    def _turn_away(self, ip: bytes, reason: bytes, answer: TooMany | Denied) -> TooMany | Denied:
        now = self._clock.seconds()
        if now - self._line_at < LINE_S:
            self._unsaid += 1
        else:
            self._log(word(TurnedAway(self._service, ip, reason, self._unsaid)))
            self._line_at, self._unsaid = now, 0
        return answer


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
    if b":" not in ip:
        return ip
    try:
        return IPv6Address(ip.decode("ascii")).packed[:8]
    except (AddressValueError, UnicodeDecodeError):
        return ip
