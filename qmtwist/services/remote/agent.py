"""The remote agent's own side: orders in, deliveries begun, reports out. (wire/remoteorder)"""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable
from functools import partial

from twisted.internet.interfaces import IReactorFDSet
from twisted.logger import Logger

from qmtwist.control.complaints import Complaints
from qmtwist.control.remote import RemoteSettings, load_remote
from qmtwist.mail.errors import Malformed
from qmtwist.mail.outcome import Outcome, Verdict
from qmtwist.rules.handshakes import FailedHandshakes
from qmtwist.services.dns.ports import IDnsReactor
from qmtwist.services.dns.resolver import Resolver
from qmtwist.services.fdchannel import FdChannel
from qmtwist.services.tls.outgoing import OutgoingTls
from qmtwist.store.deadhosts import DeadHosts
from qmtwist.store.queue.layout import Layout
from qmtwist.wire import remoteorder, spawn
from qmtwist.wire.remoteorder import RemoteOrder
from qmtwist.wire.spawn import Frame

from .connection import Connections, IRemoteReactor
from .delivery import BUG, Delivery, Staff
from .doors import Doors
from .message import Message
from .pool import Pool
from .route import Router, Rules

LOOK_S = 0.2  # at the end: is the daemon still there to hear a report?
FINISH_S = 15.0  # longer than the daemon waits (services.remoteagent.STOP_S)
IDLE_LIMIT = 1000  # connections kept
NO_CONTROL = b"Unable to read control files. (#4.3.0)\n"
NO_MESSAGE = b"qmail-spawn unable to open message. (#4.3.0)\n"

_log = Logger(namespace="qmtwist")


class IAgentReactor(IRemoteReactor, IDnsReactor, IReactorFDSet):
    """What the agent needs of the reactor."""


class Agent:
    """Made once in its process; lives until the daemon has hung up and what was begun is done (`on_end`)."""

    def __init__(
        self,
        reactor: IAgentReactor,
        home: str,
        connection: socket.socket,
        on_end: Callable[[], None],
        idle_limit: int = IDLE_LIMIT,
    ) -> None:
        self._reactor = reactor
        self._home = home
        self._socket = connection
        self._on_end = on_end
        self._deliveries: dict[int, Delivery] = {}
        self._is_ending = False
        self._channel = FdChannel(reactor, connection, self._take, self._lost, self.end)
        connections = Connections(reactor, self._note)
        dead = DeadHosts(Layout(f"{home}/queue").tcpto, lock_tries=2)  # all sessions wait meanwhile
        self._staff = Staff(
            reactor,
            connections,
            Pool(connections, idle_limit),
            Doors(),
            OutgoingTls(),
            FailedHandshakes(),
            dead,
            time.time,
            os.getpid(),
        )
        self._resolver: Resolver | None = None
        self._router: Router | None = None  # None: control/ has never been usable

    def start(self) -> None:
        """Greet the daemon and read control/."""
        self._channel.send(spawn.frame(spawn.HELLO, 0, b"%d" % spawn.VERSION))
        self._reload()

    # -- control/

    def _reload(self) -> None:
        """Use what control/ says now; if that is of no use, go on with what it said before."""
        try:
            rules = Rules(load_remote(self._home))
        except Complaints as complaints:
            for complaint in complaints.complaints:
                self._note(f"alert: unable to reread controls: {complaint}".encode())
            return
        except (Malformed, OSError) as error:
            self._note(f"alert: unable to reread controls: {error}".encode())
            return
        self._apply(rules)

    def _apply(self, rules: Rules) -> None:
        settings: RemoteSettings = rules.settings
        if self._resolver is None:
            self._resolver = Resolver(self._reactor, settings.nameservers)
        else:
            self._resolver.use(settings.nameservers)
        tls = OutgoingTls(settings.tlsca, settings.tlscert, settings.tlskey)
        self._staff = self._staff._replace(tls=tls)
        self._router = Router(self._reactor, self._resolver, rules)
        self._staff.pool.clear()

    # -- what the daemon says

    def _take(self, frame: Frame) -> None:
        kind = frame.kind
        if kind == remoteorder.TRANSACTION:
            self._transact(frame)
        elif kind == remoteorder.GO:
            delivery = self._deliveries.get(frame.number)
            if delivery is not None:
                delivery.go()
        elif kind == remoteorder.RELOAD:
            self._reload()
        elif kind != spawn.HELLO or frame.payload != b"%d" % spawn.VERSION:
            raise Malformed(f"unknown frame {kind!r}")  # another version; the channel ends

    def _transact(self, frame: Frame) -> None:
        number = frame.number
        order = remoteorder.parse_transaction(frame.payload)
        done = partial(self._done, number)
        count = len(order.locals)
        try:
            message = self._message(order)
        except OSError:
            return done(_deferred(NO_MESSAGE, count))
        if self._router is None:
            message.close()
            return done(_deferred(NO_CONTROL, count))
        ask = partial(self._ask, number)
        self._deliveries[number] = delivery = Delivery(self._staff, self._router, order, message, ask, done)
        try:
            delivery.start()
            if self._is_ending:
                delivery.stop()
        except Exception:  # a bug delays these recipients, and nobody else
            _log.failure("delivering to {host!r}", host=order.host)
            delivery.cut(BUG)
        return None

    def _message(self, order: RemoteOrder) -> Message:
        """:raises OSError: its descriptor was lost."""
        if order.message is not None:
            return Message(order.message, None)
        descriptor = self._channel.take_descriptor()
        if descriptor is None:
            raise OSError("no room for a descriptor")
        return Message(None, descriptor, order.head, order.skip)

    # -- what the daemon is told

    def _ask(self, number: int) -> None:
        self._channel.send(spawn.frame(remoteorder.HEAVY, number))

    def _done(self, number: int, outcomes: tuple[Outcome, ...]) -> None:
        self._deliveries.pop(number, None)
        frames = [remoteorder.encode_report(number, index, outcome) for index, outcome in enumerate(outcomes)]
        self._channel.send(b"".join(frames))
        if self._is_ending and not self._deliveries:
            self._leave()

    def _note(self, line: bytes) -> None:
        self._channel.send(spawn.frame(remoteorder.NOTE, 0, line))

    # -- the end

    def end(self) -> None:
        """The daemon sends no more: finish what is under way and leave."""
        if self._is_ending:
            return
        self._is_ending = True
        self._reactor.callLater(FINISH_S, self._channel.close)
        self._look()
        if not self._deliveries:
            self._leave()
        for delivery in list(self._deliveries.values()):
            delivery.stop()  # the last one to be done leaves

    def _leave(self) -> None:
        self._staff.pool.clear()
        self._staff.connections.end()
        self._staff.connections.when_none(self._channel.finish)

    def _look(self) -> None:
        """A daemon that is gone sends the message again: what has not been sent whole must not be."""
        poll = select.poll()
        if self._channel.is_open:
            poll.register(self._socket, 0)
            if any(happened & select.POLLHUP for _, happened in poll.poll(0)):
                self._channel.close()
            else:
                self._reactor.callLater(LOOK_S, self._look)

    def _lost(self) -> None:
        if self._resolver is not None:
            self._resolver.stop()
        self._on_end()


def _deferred(text: bytes, count: int) -> tuple[Outcome, ...]:
    return (Outcome(Verdict.DEFERRAL, text),) * count
