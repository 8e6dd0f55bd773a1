"""The door: how many connections there may be, how often a client may come, and what its address may do.

A `Door` stands before each listening service, and before each form of one, in clear and inside TLS; those of a service
count in one `Crowd`. First it is asked whether there is a place, then the rules of control/tcprules, and only if a rule
needs it the client's name and its IDENT server.
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

from .clientnames import ClientNames
from .crowd import NO_ACCESS as NO_ACCESS  # services that have no rules name it
from .crowd import Crowd
from .peerrules import PeerRules

LINE_S = 1.0  # lines about connections turned away come no oftener


class Peer(NamedTuple):
    """A client that was let in: its address as text, its port, what the rules say about it, and which rule does
    (`tcprules:3` or `tcprules.cdb:127.`; empty: none fits). `is_denied`: by his address he would be; see `Door`.
    """

    ip: bytes
    port: int
    variables: Mapping[bytes, bytes]
    rule: bytes = b""
    is_denied: bool = False


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
    gives RELAYCLIENT. Without `names` rules about names and IDENT fit nobody. Without a `crowd` it counts for itself.

    Where a key may say more than an address (`has_keys`), a client whom a rule denies comes in as a `Peer` that
    `is_denied`, without variables: whether he has such a key is known when TLS has begun.
    """

    def __init__(
        self,
        service: bytes,
        clock: IReactorTime,
        log: Callable[[bytes], None],
        names: ClientNames | None = None,
        is_closed: bool = False,
        crowd: Crowd | None = None,
    ) -> None:
        self._service = service
        self._clock = clock
        self._log = log
        self._names = names
        self._is_closed = is_closed
        self._rules = PeerRules(None, "", clock, log)
        self._access = NO_ACCESS
        self._has_keys = False
        crowd = crowd or Crowd(clock)
        self._crowd = crowd
        self.leave = crowd.leave
        self.may_send = crowd.may_send
        self.take_message = crowd.take_message
        self._line_at = float("-inf")
        self._unsaid = 0

    def configure(self, total: int, per_ip: int, access: AccessSettings = NO_ACCESS, has_keys: bool = False) -> None:
        """New limits and rules; those who are in stay in, and what was counted of them counts.

        :raises OSError, Malformed: the first rules cannot be read; nothing has changed. Later ones that cannot leave
            the old, and a line in the log.
        """
        if access.directory == self._rules.directory:
            self._rules.look()
        else:
            rules = PeerRules(access.directory, self._service.decode(), self._clock, self._log)
            self._rules.forget()
            self._rules = rules
        self._crowd.limit(total, per_ip, access)
        self._access, self._has_keys = access, has_keys

    def admit(self, host: str | bytes, port: int) -> Peer | Unknown | TooMany | Denied:
        """Somebody has connected. For a `Peer` or `Unknown` call `leave` with its ip when it is gone."""
        ip = plain_ip(host)
        reason = self._crowd.objection(ip)
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
            self._crowd.enter(ip)
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

    def _wants_more(self, rules: peers.Peers, ip: bytes) -> bool:
        """Whether it depends on the client's name or IDENT; a client of a UNIX socket has neither."""
        return (peers.wants_info(rules, ip) or peers.wants_host(rules, ip, None)) and _is_ip(ip)

    def _decide(self, ip: bytes, port: int, host: bytes | None, info: bytes | None) -> Peer | Denied:
        rules, is_own = self._rules.now()
        decision = peers.lookup(rules, ip, host, info)
        if decision.is_denied and self._has_keys:
            return Peer(ip, port, {}, decision.rule, is_denied=True)
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
