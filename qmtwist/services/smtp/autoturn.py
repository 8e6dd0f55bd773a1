"""AutoTURN and ETRN: mail that waits for a client goes to it when it has connected, or asks. (serialmail; RFC 1985)

When the SMTP session of a client that control/autoturn lists has ended, its maildir is sent back to its address, by the
worker of whoever owns it: never by root, and never by the queue's owner. One run at a time for each maildir.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from qmtwist.control.settings import Settings
from qmtwist.logbook.smtp import escape
from qmtwist.mail.errors import Malformed
from qmtwist.rules.autoturn import NOT_OFTENER_S, Customer, Customers, covers
from qmtwist.services.door.listen import Peer
from qmtwist.services.local.mailboxes import MailboxAgent
from qmtwist.wire import spawn
from qmtwist.wire.flush import FlushOrder, encode_flush, parse_flushed
from qmtwist.wire.smtp import reply as replies
from qmtwist.wire.smtp.events import Terms
from qmtwist.wire.smtp.reply import Reply

BUSY = 75  # agents.local.flush: somebody else is at it


class Retries(Protocol):
    """The queue, as far as ETRN asks for it."""

    def try_domain(self, node: bytes) -> Deferred[int] | None:
        """Make what waits for a domain due, soon. How many messages that are; None: an earlier request is not finished.
        It fails when the queue cannot be searched.
        """


class _Read(NamedTuple):
    """control/autoturn as it was understood."""

    lines: tuple[bytes, ...]
    customers: Customers


class AutoTurn:
    """Made by `assemble`; asked by the SMTP service. `settings` are those in force."""

    def __init__(
        self,
        clock: IReactorTime,
        agent: MailboxAgent,
        settings: Callable[[], Settings],
        retries: Retries,
        log: Callable[[bytes], None],
    ) -> None:
        self._clock = clock
        self._agent = agent
        self._settings = settings
        self._retries = retries
        self._log = log
        self._read = _Read((), Customers(()))
        self._running: set[tuple[bytes, bytes]] = set()
        self._paused: dict[tuple[bytes, bytes], float] = {}  # until when; bounded by the lines of the file

    # -- what the SMTP service calls

    def session_ended(self, peer: Peer) -> None:
        """A client has gone: what waits for it is sent to it."""
        customer = self._customers().find(peer.ip)
        if customer is not None and self._paused.get(customer[:2], 0.0) <= self._clock.seconds():
            self._start(customer, peer.ip)

    def terms(self, terms: Terms, peer: Peer) -> Terms:
        """The terms of a session, with ETRN for a client that may say it."""
        may_ask = b"ETRN" in peer.variables or self._customers().find(peer.ip) is not None
        return terms.with_etrn() if may_ask else terms

    def asked(self, peer: Peer, node: bytes) -> Deferred[Reply]:
        """The answer to ETRN of a client that may say it; it does not fail. (RFC 1985 §5.2)"""

        def said(answer: Reply) -> Reply:
            self._log(b"etrn %s: %s: %d" % (peer.ip, escape(node), answer.code))
            return answer

        return self._answer(peer, node).addErrback(lambda failure: _unable(node)).addCallback(said)

    # -- ETRN

    def _answer(self, peer: Peer, node: bytes) -> Deferred[Reply]:
        customer = self._customers().find(peer.ip)
        names = peer.variables.get(b"ETRN")
        if customer is not None and self._is_of(customer, node):
            if self._start(customer, peer.ip):
                return succeed(replies.foreign(250, b"OK, queuing for node %s started" % node, b"2.0.0"))
            return succeed(_unable(node))
        if names is None or node[:1] == b"#" or not covers(names, node.removeprefix(b"@").lower()):
            return succeed(replies.foreign(459, b"Node %s not allowed: it is not yours (#4.7.1)" % node))
        count = self._retries.try_domain(node)
        return succeed(_unable(node)) if count is None else count.addCallback(_begun, node)

    def _is_of(self, customer: Customer, node: bytes) -> bool:
        """Whether this domain's mail, or the queue of this name, is in the customer's maildir."""
        if node[:1] == b"#":
            return node[1:] in (customer.maildir, customer.prefix.rstrip(b"-"))
        domains: Mapping[bytes, bytes] = self._settings().send.virtualdomains
        name = node.removeprefix(b"@").lower()
        prefix = customer.prefix.removesuffix(b"-")
        dots = [name[at:] for at in range(len(name)) if name[at : at + 1] == b"."]
        found = next((domains[key] for key in (name, *dots) if key in domains), None)
        return found == prefix

    # -- a run

    def _start(self, customer: Customer, ip: bytes) -> bool:
        """Send a maildir, unless that is being done; whether it was begun."""
        key = customer[:2]
        if key in self._running:
            return False
        self._running.add(key)
        prefix, maildir, protocol, port = customer
        helohost = self._settings().remote.helohost
        order = FlushOrder(prefix, maildir, protocol, ip, b"%d" % port, helohost)
        asked: Deferred[tuple[spawn.Frame, int | None]]
        asked = self._agent.channel_request(prefix, spawn.FLUSH, encode_flush(order))
        asked.addCallback(self._ended, key, ip).addErrback(self._failed, key, ip)
        return True

    def _ended(self, answer: tuple[spawn.Frame, int | None], key: tuple[bytes, bytes], ip: bytes) -> None:
        self._running.discard(key)
        frame = answer[0]
        if frame.kind != spawn.FLUSHED:
            return self._pause(key, ip, frame.payload[1:].strip())
        status, output = parse_flushed(frame.payload)
        for line in output.splitlines():
            self._log(b"autoturn %s: %s" % (ip, escape(line, b" ")))
        if status == BUSY:
            self._log(b"autoturn %s: another process is sending it" % ip)
        elif status:
            self._pause(key, ip, b"something is left")
        else:
            self._paused.pop(key, None)
        return None

    def _failed(self, failure: Failure, key: tuple[bytes, bytes], ip: bytes) -> None:
        self._running.discard(key)
        self._pause(key, ip, str(failure.value).strip().encode("utf-8", "backslashreplace"))

    def _pause(self, key: tuple[bytes, bytes], ip: bytes, why: bytes) -> None:
        """Two hosts that each send back to the other, and fail, would not stop."""
        self._paused[key] = self._clock.seconds() + NOT_OFTENER_S
        self._log(b"autoturn %s: %s" % (ip, escape(why, b" ")))

    def _customers(self) -> Customers:
        lines = self._settings().access.autoturn
        if lines != self._read.lines:
            try:
                self._read = _Read(lines, Customers(lines))
            except Malformed as trouble:  # the settings do not have such lines
                self._log(b"autoturn: warning: " + trouble.text.encode("utf-8", "backslashreplace"))
            self._paused.clear()
        return self._read.customers


def _begun(count: int, node: bytes) -> Reply:
    """So many messages are on their way to where a node's mail goes."""
    if count:
        return replies.foreign(253, b"OK, %d pending messages for node %s started" % (count, node), b"2.0.0")
    return replies.foreign(251, b"OK, no messages waiting for node %s" % node, b"2.0.0")


def _unable(node: bytes) -> Reply:
    return replies.foreign(458, b"Unable to queue messages for node %s (#4.3.2)" % node)
