"""Where a message goes: control/'s routes, the DNS, and what is known of hosts. (rules/smarthost, rules/mx)"""

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from qmtwist.control.remote import RemoteSettings
from qmtwist.mail.dns import Answer, Question
from qmtwist.mail.errors import MailError, Malformed, Temporary
from qmtwist.mail.literal import parse_address
from qmtwist.rules import mx, outgoing, smarthost, tlspolicy
from qmtwist.rules.mx import Asking, Target
from qmtwist.rules.smarthost import Hop
from qmtwist.rules.tlspolicy import Policy
from qmtwist.store.interfaces import own_addresses

OWN_S = 10.0  # interfaces come and go, but not for every message
KEPT_S = 1.0
KEPT_ROUTES = 1000

_log = Logger(namespace="qmtwist")


class Resolver(Protocol):
    """What is needed of services.dns.Resolver."""

    def ask(self, *questions: Question) -> Deferred[tuple[Answer, ...]]:
        """The answers, in order. It does not fail."""


class Route(NamedTuple):
    """The addresses for one destination, best first, and how to talk to them."""

    hop: Hop
    policy: Policy
    targets: tuple[Target, ...]


Found = Callable[["Route | MailError"], None]


class Rules:
    """control/ as the agent uses it: settings made into what is asked of them. A reload makes new ones."""

    def __init__(self, settings: RemoteSettings) -> None:
        """:raises Malformed: settings that say nothing usable."""
        self.settings = settings
        self.families = outgoing.parse_families(settings.families)
        self._outgoing = outgoing.parse(settings.outgoingip)
        self.local = frozenset(filter(None, map(parse_address, settings.localaddresses)))

    def bind_address(self, sender: bytes, address: str) -> str | None:
        """Our own address towards this one; None: the kernel chooses."""
        return outgoing.bind_address(self._outgoing, sender, outgoing.family_of(address))


class Router:
    """Finds routes. Made by the agent, together with its rules; a reload makes a new one."""

    def __init__(self, reactor: IReactorTime, resolver: Resolver, rules: Rules) -> None:
        self.rules = rules
        self._reactor = reactor
        self._resolver = resolver
        self._kept: dict[bytes, tuple[float, Route]] = {}
        self._own: frozenset[bytes] = frozenset()
        self._own_at = float("-inf")

    def find(self, host: bytes, found: Found) -> None:
        """Calls `found` once, now or later, with the route to a host or with why there is none.

        Messages that come within a second share an answer, unless chance has a say in it.
        """
        kept = self._kept.get(host)
        if kept is not None and self._reactor.seconds() - kept[0] < KEPT_S:
            found(kept[1])
            return
        coroutine = self._look_up(host)
        Deferred.fromCoroutine(coroutine).addCallbacks(found, _explained, errbackArgs=(found,))

    async def _look_up(self, host: bytes) -> Route:
        settings = self.rules.settings
        hop = smarthost.next_hop(host, settings.smtproutes, settings.qmtproutes)
        policy = tlspolicy.of_hop(_policy(host, settings), hop)
        chance = _Chance()
        asking = mx.targets(hop, self._is_own, self.rules.families, chance.shuffle)
        route = Route(hop, policy, tlspolicy.usable(policy, await self._ask(asking)))
        if not chance.has_decided:
            if len(self._kept) >= KEPT_ROUTES:
                self._kept.clear()
            self._kept[host] = self._reactor.seconds(), route
        return route

    async def _ask(self, asking: Asking) -> list[Target]:
        try:
            questions = next(asking)
            while True:
                questions = asking.send(await self._resolver.ask(*questions))
        except StopIteration as end:
            targets: list[Target] = end.value
            return targets

    def _is_own(self, address: str) -> bool:
        if address in self.rules.local:
            return True
        now = self._reactor.seconds()
        if now - self._own_at >= OWN_S:
            self._own, self._own_at = _interfaces(), now
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return socket.inet_pton(family, address) in self._own


class _Chance:
    """Puts lists into random order, and knows whether there was one to be put."""

    def __init__(self) -> None:
        self.has_decided = False

    def shuffle(self, some: list[Any]) -> None:
        """As random.shuffle."""
        if len(some) > 1:
            self.has_decided = True
            random.shuffle(some)


def _policy(host: bytes, settings: RemoteSettings) -> Policy:
    try:
        return tlspolicy.policy_for(host, settings.tlspolicy)
    except Malformed as error:
        raise Temporary(f"control/tlspolicy: {error.text}. (#4.3.5)\n") from None


def _interfaces() -> frozenset[bytes]:
    try:
        return own_addresses()
    except OSError:
        raise Temporary("System resources temporarily unavailable. (#4.3.0)\n") from None


def _explained(failure: Failure, found: Found) -> None:
    """What a rule raises is for the report; anything else is a bug, and delays the mail."""
    error = failure.value
    if not isinstance(error, MailError):
        _log.failure("looking for a route", failure)
        error = Temporary("System resources temporarily unavailable. (#4.3.0)\n")
    found(error)
