"""ETRN for mail in the queue: what waits for a domain is due now. (RFC 1985; qmail-send's ALRM, for one domain)

Who asks for a domain's mail says that its hosts are there again: what the table of hosts that did not answer says of
them is forgotten first, as qmail-tcpok does it for all, so that they are really tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from qmtwist.control.remote import RemoteSettings
from qmtwist.mail.address import split
from qmtwist.mail.errors import MailError, Malformed
from qmtwist.rules import mx, outgoing, smarthost
from qmtwist.rules.autoturn import domain_matches
from qmtwist.services.dns.resolver import Resolver
from qmtwist.services.send.mail import JournalMail
from qmtwist.services.send.queue import Queue
from qmtwist.store.deadhosts import DeadHosts
from qmtwist.store.queue import records
from qmtwist.store.queue.layout import Layout

DOMAINS_LIMIT = 100  # whose hosts are looked up for one ETRN


class Waiting(NamedTuple):
    """What waits for a node: numbers of messages, and the domains of their recipients there."""

    numbers: set[int]
    domains: set[bytes]


class QueueRetries:
    """autoturn.Retries. Made by `assemble`; one search at a time. `settings` are those in force."""

    def __init__(self, queue: Queue, resolver: Resolver, settings: Callable[[], RemoteSettings]) -> None:
        self._queue = queue
        self._resolver = resolver
        self._settings = settings
        self._is_searching = False

    def try_domain(self, node: bytes) -> Deferred[int] | None:
        """autoturn.Retries"""
        if self._is_searching or self._queue.manager.machine.is_stopping:
            return None
        self._is_searching = True
        manager = self._queue.manager
        moving = Waiting(set(), set())
        numbers = {number for _, number in manager.machine.waiting("remote")}
        for mail in manager.mail.values():
            if isinstance(mail, JournalMail):
                _note(moving, mail.number, node, [mail.address("remote", at) for at in mail.left("remote")])
            else:
                numbers.add(mail.number)
        found = self._queue.spool.run(_matching, self._queue.layout, numbers - moving.numbers, node)
        return found.addBoth(self._searched).addCallback(self._found, moving)

    def _searched(self, result: Waiting | Failure) -> Waiting | Failure:
        self._is_searching = False
        if isinstance(result, Failure):
            self._queue.telemetry.notice("warning", f"unable to search the queue for ETRN: {result.value}")
        return result

    def _found(self, resting: Waiting, moving: Waiting) -> int:
        """Begin. `moving` lives in the journal alone: it is being tried, or put to rest. The answer awaits no DNS."""
        numbers = resting.numbers | moving.numbers
        trying = Deferred.fromCoroutine(self._try(numbers, resting.domains | moving.domains))
        trying.addErrback(self._failed)
        return len(numbers)

    async def _try(self, numbers: set[int], domains: set[bytes]) -> None:
        addresses = [address for domain in sorted(domains)[:DOMAINS_LIMIT] for address in await self._hosts(domain)]
        if addresses:
            await self._queue.spool.run(_forget, self._queue.layout, addresses)
        manager = self._queue.manager
        if manager.machine.is_stopping:
            return
        for number in numbers:  # what is just being put to rest is due as soon as it is
            mail = manager.mail.get(number)
            if isinstance(mail, JournalMail) and "remote" in mail.retry_at:
                mail.retry_at["remote"] = manager.now()
        manager.machine.remote.agenda.hasten(frozenset(numbers))
        manager.pump_soon()

    async def _hosts(self, domain: bytes) -> list[str]:
        """The addresses where a domain's mail goes, as the remote agent finds them; none if there are none now."""
        settings = self._settings()
        hop = smarthost.next_hop(domain, settings.smtproutes, settings.qmtproutes)
        families = outgoing.parse_families(settings.families)
        asking = mx.targets(hop, lambda address: False, families, lambda hosts: None)
        try:
            questions = next(asking)
            while True:
                questions = asking.send(await self._resolver.ask(*questions))
        except StopIteration as end:
            targets: list[mx.Target] = end.value
            return [target.address for target in targets]
        except MailError:
            return []

    def _failed(self, failure: Failure) -> None:
        self._queue.telemetry.notice("warning", f"unable to begin what ETRN asked for: {failure.value}")


def _forget(layout: Layout, addresses: Iterable[str]) -> None:
    """In a thread: these hosts count as not having been tried."""
    dead = DeadHosts(layout.tcpto)
    for address in addresses:
        dead.answered(address)


def _matching(layout: Layout, numbers: set[int], node: bytes) -> Waiting:
    """In a thread: the messages with a recipient there who has not got it."""
    resting = Waiting(set(), set())
    for number in numbers:
        try:
            recipients = records.read_recipients(layout, "remote", number) or []
        except (OSError, Malformed):  # gone meanwhile, or in the hands of somebody else
            continue
        _note(resting, number, node, [recipient.address for recipient in recipients if not recipient.is_done])
    return resting


def _note(waiting: Waiting, number: int, node: bytes, addresses: Iterable[bytes]) -> None:
    """Add a message, if one of its recipients is there."""
    domains = {(split(address)[1] or b"").lower() for address in addresses}
    found = {domain for domain in domains if domain_matches(node, domain)}
    if found:
        waiting.numbers.add(number)
        waiting.domains.update(found)
