"""qmail-remote's work: one message to one host, on a blocking socket. (qmail-remote(8))

The rules say where it may go (routes, MX, what TLS is needed), the table of dead hosts who is not worth an attempt.
The first host that takes a connection gets the message; others are tried only as long as nothing of it was given away.
"""

from __future__ import annotations

import errno
import os
import time

from qmtwist.control.remote import RemoteSettings
from qmtwist.mail.errors import MailError, Malformed, Permanent, Temporary
from qmtwist.mail.literal import parse_address
from qmtwist.mail.shapes import TYPE_CHECKING, Any, NamedTuple
from qmtwist.rules import mx, outgoing, smarthost, tlspolicy
from qmtwist.rules.handshakes import is_for_want_of_tls
from qmtwist.rules.mx import Target
from qmtwist.rules.tlspolicy import Level
from qmtwist.store.deadhosts import DeadHosts
from qmtwist.store.interfaces import own_addresses
from qmtwist.wire.outgoing import Transaction
from qmtwist.wire.qmtp import QmtpClient
from qmtwist.wire.remotereport import Result
from qmtwist.wire.smtp.client import ClientSession, Tls

from .link import Link, Session, Socket, Spoken, connect
from .message import Message, Unreadable

if TYPE_CHECKING:
    from ssl import SSLSocket

_NOT_CONNECTED = "Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)\n"
_UNREADABLE = "Unable to read message. (#4.3.0)\n"
_NO_RESOURCES = "System resources temporarily unavailable. (#4.3.0)\n"


class Order(NamedTuple):
    """What qmail-remote is called with: a host, the sender, and recipients there."""

    host: bytes
    sender: bytes
    recipients: tuple[bytes, ...]


def temporary(text: str) -> Result:
    """A report of trouble with the whole message; `text` ends with LF."""
    return Result((), b"Z", text.encode("latin-1"))


class Delivery:
    """One run of qmail-remote. Made by the program; `run` does it all."""

    def __init__(self, settings: RemoteSettings, dead_hosts: DeadHosts, order: Order, message: Message) -> None:
        self._settings = settings
        self._dead_hosts = dead_hosts
        self._order = order
        self._message = message
        self._hop = smarthost.next_hop(order.host, settings.smtproutes, settings.qmtproutes)

    def run(self) -> Result:
        """Deliver, and say what came of it. Expected trouble is in the result, not raised."""
        try:
            policy = tlspolicy.policy_for(self._order.host, self._settings.tlspolicy)
            self._policy = tlspolicy.of_hop(policy, self._hop)
            self._own_ends = outgoing.parse(self._settings.outgoingip)
            return self._try_all(self._targets())
        except Malformed as error:
            return temporary(f"Unable to read control files: {error.text}. (#4.3.5)\n")
        except Unreadable:
            return temporary(_UNREADABLE)
        except MailError as error:
            letter = b"D" if isinstance(error, Permanent) else b"Z"
            return Result((), letter, error.text.encode("latin-1"))

    # -- where to

    def _targets(self) -> list[Target]:
        families = outgoing.parse_families(self._settings.families)
        asking = mx.targets(self._hop, _Own(self._settings.localaddresses).has, families, _shuffle)
        try:
            questions = next(asking)
            # only now: an address in control/smtproutes needs no DNS, and the resolver costs more than all of this
            from qmtwist.agents.dns import Resolver
            from qmtwist.control.nameservers import name_service

            resolver = Resolver(name_service(self._settings.nameservers))
            while True:
                questions = asking.send(resolver.ask(*questions))
        except StopIteration as end:
            targets: list[Target] = end.value
            return targets

    def _try_all(self, targets: list[Target]) -> Result:
        result = temporary(_NOT_CONNECTED)
        spoken_to: set[str] = set()
        for target in tlspolicy.usable(self._policy, targets):
            if target.address in spoken_to:
                continue  # it answered by QMTP; that it also knows SMTP does not matter then
            spoken = self._try(target)
            if spoken is None:
                continue
            spoken_to.add(target.address)
            result = spoken.result or result
            if not spoken.may_try_next_host:
                break
        return result

    # -- one host

    def _try(self, target: Target) -> Spoken | None:
        """Offer the message to a host; None: there is no connection to be had."""
        if self._dead_hosts.is_dead(target.address, int(time.time()), os.getpid()):
            return None
        may_encrypt = self._policy.level is not Level.NONE
        spoken = self._speak(target, may_encrypt)
        if spoken is not None and spoken.has_handshake_failed and not self._policy.is_demanded:
            # TLS was only wished for; who cannot do it gets the message in clear, as from anybody else
            in_clear = self._speak(target, False)
            return spoken if in_clear is None or _wants_tls(in_clear.result) else in_clear
        return spoken

    def _speak(self, target: Target, may_encrypt: bool) -> Spoken | None:
        sock = self._connect(target)
        if sock is None:
            return None
        session = self._session(target, may_encrypt)
        link = Link(sock, session, self._settings.timeoutremote_s, lambda sock: self._encrypt(sock, target))
        return link.carry(self._transaction, self._message)

    def _connect(self, target: Target) -> Socket | None:
        family = outgoing.family_of(target.address)
        own = outgoing.bind_address(self._own_ends, self._order.sender, family)
        try:
            sock = connect(target.address, target.port, own, self._settings.timeoutconnect_s)
        except TimeoutError:
            if target.protocol == "smtp" or self._hop.is_route:
                # a firewall that swallows QMTP says nothing about the host's SMTP
                self._dead_hosts.timed_out(target.address, int(time.time()))
            return None
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:  # that is our own address, or want of ports
                self._dead_hosts.answered(target.address)
            return None
        self._dead_hosts.answered(target.address)
        return sock

    def _session(self, target: Target, may_encrypt: bool) -> Session:
        address = target.address.encode()
        if target.protocol != "smtp":
            return QmtpClient(address, is_encrypted=target.protocol == "qmtps")
        wish = Tls.MUST if self._policy.is_demanded else Tls.MAY if may_encrypt else Tls.NONE
        return ClientSession(self._settings.helohost, address, wish)

    def _transaction(self) -> Transaction:
        order, message = self._order, self._message
        survey = message.survey()
        size, growth = message.size_bytes(), survey.growth_bytes
        return Transaction(order.sender, order.recipients, size, survey.is_eight_bit, growth)

    def _encrypt(self, sock: Socket, target: Target) -> SSLSocket:
        import socket

        from .outtls import start

        whole = socket.socket(fileno=sock.detach())
        whole.settimeout(self._settings.timeoutremote_s)
        names = tlspolicy.certificate_names(self._policy, self._order.host, self._hop, target.name)
        certificate, key = self._settings.tlscert, self._settings.tlskey
        own = (certificate, key) if target.protocol == "qmtps" and certificate and key else None
        return start(whole, self._policy, names, target.name, self._settings.tlsca, own)[0]


def _wants_tls(result: Result | None) -> bool:
    """Whether a host took nothing because it insists on TLS; then the handshake's failure is the reason, and passes."""
    if result is None or result.letter == b"K":
        return False
    return any(is_for_want_of_tls(text) for _, text in (*result.recipients, (result.letter, result.text)))


class _Own:
    """Our own addresses: those of the interfaces, looked up at the first question, and those of control files."""

    def __init__(self, more: tuple[bytes, ...]) -> None:
        self._more = more
        self._addresses: frozenset[bytes | str] | None = None

    def has(self, address: str) -> bool:
        """Whether an address is ours.

        :raises Temporary: the kernel does not tell.
        """
        from _socket import AF_INET, AF_INET6, inet_pton

        if self._addresses is None:
            try:
                packed = own_addresses()
            except OSError:
                raise Temporary(_NO_RESOURCES) from None
            self._addresses = packed | {literal for line in self._more if (literal := parse_address(line))}
        packed_address = inet_pton(AF_INET6 if ":" in address else AF_INET, address)
        return address in self._addresses or packed_address in self._addresses


def _shuffle(sequence: list[Any]) -> None:
    """Random order. The module random costs more to import than there is to put into order."""
    for last in range(len(sequence) - 1, 0, -1):
        at = int.from_bytes(os.urandom(4), "big") % (last + 1)
        sequence[at], sequence[last] = sequence[last], sequence[at]
