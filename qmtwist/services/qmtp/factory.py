"""The QMTP and QMQP services as wholes: who may come in, in clear, inside TLS or through a UNIX socket."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

import attrs
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.python.failure import Failure

from qmtwist.control.settings import AccessSettings
from qmtwist.logbook import qmtp as logbook
from qmtwist.services.door.crowd import Crowd
from qmtwist.services.door.listen import NO_ACCESS, Door, Peer
from qmtwist.services.door.sessions import Sessions
from qmtwist.services.smtp.clerk import Staff
from qmtwist.services.tls.incoming import IncomingTls
from qmtwist.wire.package import PackageSession

from .clerk import Caller, PackageClerk
from .packages import FIRST_S, PackageProtocol


@attrs.frozen
class PackageSettings:
    """What one of the services takes from control/."""

    timeout_s: int
    concurrency: int  # connections at the same time, in clear and inside TLS, and as many by UNIX sockets
    concurrencyperip: int
    tlsclients: Mapping[bytes, bytes]  # pins of the keys of clients, and what to call them


class Terms:
    """What sessions are made with, from one configuration to the next."""

    def __init__(self, settings: PackageSettings, tls: IncomingTls | None) -> None:
        self.settings = settings
        self.tls = tls


class PackageFactory(ABC):
    """What both services are. Made once for each; `clear` and `secure` are the factories of its stream endpoints.

    At a reload call `configure`, at a stop `drain`.
    """

    word: ClassVar[bytes]  # of the service in the log; TLS adds an `s`
    is_closed: ClassVar[bool]  # to whom no rule allows it

    def __init__(self, staff: Staff) -> None:
        self.staff = staff
        self.before_connection: Callable[[], None] = lambda: None  # may call `configure`
        # What is counted is counted of both forms together; and nobody far away can shut out those who are here.
        far, near = Crowd(staff.clock), Crowd(staff.clock)
        self.clear = Listener(self, self._hall(self.is_closed, far), self._hall(False, near), is_secure=False)
        # With TLS it is the key that may let a client in, which is known after the handshake.
        self.secure = Listener(self, self._hall(False, far), self._hall(False, near), is_secure=True)
        self._serial = 0
        self.terms: Terms | None = None

    def _hall(self, is_closed: bool, crowd: Crowd) -> Sessions[PackageProtocol]:
        staff = self.staff
        door = Door(self.word, staff.clock, staff.log, staff.names, is_closed, crowd)
        return Sessions(staff.clock, door, self._period_s)

    def use(self, settings: PackageSettings, access: AccessSettings, tls: IncomingTls | None) -> None:
        """Settings for the connections that come from now on. Nobody gets in by `secure` without `tls`.

        :raises OSError, qmtwist.mail.errors.Malformed: the rules cannot be used; nothing has changed.
        """
        self.clear.configure(settings, access)
        self.secure.configure(settings, access)
        self.terms = Terms(settings, tls)

    def drain(self, patience_s: float) -> Deferred[object]:
        """End the sessions, each as soon as no message is under way in it; fires when none is left."""
        return DeferredList([*self.clear.drain(patience_s), *self.secure.drain(patience_s)]).addCallback(lambda _: None)

    def session(self, peer: Peer, hall: Sessions[PackageProtocol], is_secure: bool, is_local: bool) -> PackageProtocol:
        """A session for a client who was let in."""
        assert self.terms is not None
        settings, tls = self.terms.settings, self.terms.tls
        self._serial += 1
        service = self.word + b"s" if is_secure else self.word
        name = b"unix" if is_local else b"%s:%d" % (peer.ip, peer.port)
        caller = Caller(peer, logbook.Session(service, self._serial, name, rule=peer.rule), hall.door)
        core, clerk = self.make(caller)
        greeting = None
        if is_secure:
            assert tls is not None, "nobody listens without a certificate"
            greeting = tls.greeting()
        return PackageProtocol(Reception(self, hall), peer, core, clerk, settings.timeout_s, greeting)

    def recognize(self, session: PackageProtocol, pin: bytes) -> bytes:
        """Why a client with this key may not go on; empty: he may. A key that is pinned counts for more than rules."""
        assert self.terms is not None
        name = self.terms.settings.tlsclients.get(pin) if pin else None
        if name is not None:
            session.clerk.introduce(name)
            return b""
        if session.peer.is_denied:
            return b"denied"  # the line says by which rule
        return b"" if self.is_welcome(session.peer) else b"denied: no rule allows this client"

    def _period_s(self) -> float:
        # A time-out comes late by at most an eighth of it.
        timeout_s = FIRST_S if self.terms is None else self.terms.settings.timeout_s
        return min(5.0, timeout_s / 8)

    # -- what differs

    @abstractmethod
    def make(self, caller: Caller) -> tuple[PackageSession, PackageClerk]:
        """A session of the protocol, and its clerk."""

    @abstractmethod
    def is_welcome(self, peer: Peer) -> bool:
        """Whether a client inside TLS may go on of whom nothing is known but his address."""


class Reception:
    """packages.Service: what one session asks of those who made it."""

    __slots__ = ("_factory", "_hall")

    def __init__(self, factory: PackageFactory, hall: Sessions[PackageProtocol]) -> None:
        self._factory = factory
        self._hall = hall

    def seconds(self) -> float:
        """What time it is."""
        return self._factory.staff.clock.seconds()

    def gone(self, session: PackageProtocol, peer: Peer) -> None:
        """A session's connection has ended."""
        self._hall.gone(session, peer)

    def recognize(self, session: PackageProtocol, pin: bytes) -> bytes:
        """Why a client with this key may not go on."""
        return self._factory.recognize(session, pin)


class Listener(Factory):
    """The factory of a service's endpoints, in clear or inside TLS. Made by its `PackageFactory`."""

    noisy = False

    def __init__(
        self,
        service: PackageFactory,
        far: Sessions[PackageProtocol],
        near: Sessions[PackageProtocol],
        is_secure: bool,
    ) -> None:
        """`near` is for the clients of UNIX sockets."""
        self._service = service
        self._far = far
        self._near = near
        self._is_secure = is_secure

    def configure(self, settings: PackageSettings, access: AccessSettings) -> None:
        """:raises OSError, qmtwist.mail.errors.Malformed: the rules cannot be used; nothing has changed."""
        has_keys = self._is_secure and bool(settings.tlsclients)
        self._far.door.configure(settings.concurrency, settings.concurrencyperip, access, has_keys)
        # Who may come in by a UNIX socket says its mode.
        self._near.door.configure(settings.concurrency, settings.concurrency, NO_ACCESS)

    def buildProtocol(self, addr: IAddress) -> TwistedProtocol | None:  # type: ignore[override]
        """A session, or a connection that is closed: these protocols have no word of regret."""
        service = self._service
        service.before_connection()
        is_local = isinstance(addr, UNIXAddress)
        hall = self._near if is_local else self._far
        return hall.protocol(addr, lambda peer: service.session(peer, hall, self._is_secure, is_local), TurnedAway)

    def drain(self, patience_s: float) -> list[Deferred[None]]:
        """End the sessions."""
        return [self._far.drain(patience_s), self._near.drain(patience_s)]


class TurnedAway(TwistedProtocol):
    """A connection too many: closed."""

    def connectionMade(self) -> None:
        """Hang up."""
        assert self.transport is not None
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """So it was."""
