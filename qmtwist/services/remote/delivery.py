"""One transaction, from its order to its reports: the route, host after host, the slot, the message."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from twisted.internet.error import TCPTimedOutError, TimeoutError
from twisted.internet.interfaces import IConnector
from twisted.logger import Logger
from twisted.python.failure import Failure

from qmtwist.mail.errors import MailError, Permanent
from qmtwist.mail.outcome import Outcome, Verdict
from qmtwist.rules.handshakes import FailedHandshakes, is_for_want_of_tls
from qmtwist.rules.mx import Target
from qmtwist.rules.tlspolicy import Level, certificate_names
from qmtwist.services.tls.outgoing import OutgoingTls
from qmtwist.store.deadhosts import DeadHosts
from qmtwist.wire.outgoing import Ended, Lost, Transaction
from qmtwist.wire.remoteorder import RemoteOrder
from qmtwist.wire.remotereport import Result

from .connecting import Connecting
from .connection import NEVER, Connection, Connections, IRemoteReactor, Key, Terms
from .doors import Doors, Place
from .message import Message, Unreadable
from .pool import Pool
from .route import Route, Router

SLOT_WAIT_S = 20.0
"""How long a connection that could take its message waits for a slot. Then it is given back, and made anew with the
slot: other hosts do not wait for ever either, and somebody else may need theirs."""

NO_CONNECTION = b"Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)\n"
NO_MESSAGE = b"Unable to read message. (#4.3.0)\n"
BUG = b"System resources temporarily unavailable. (#4.3.0)\n"
STOPPED = b"qmail-rspawn was stopped before this delivery had begun. (#4.3.0)\n"

_log = Logger(namespace="qmtwist")


class Staff(NamedTuple):
    """Whom deliveries work with; the same for the whole life of an agent."""

    reactor: IRemoteReactor
    connections: Connections
    pool: Pool
    doors: Doors
    tls: OutgoingTls
    handshakes: FailedHandshakes
    dead: DeadHosts
    now: Callable[[], float]  # POSIX seconds, for the table of dead hosts
    pid: int


class Delivery:
    """Made with its order; lives until it has reported (connection.Client).

    `ask` is called once when it wants a slot, which `go` gives; `done` once, at the end.
    """

    __slots__ = (
        "_ask", "_before", "_connection", "_connector", "_done", "_has_asked", "_has_begun", "_has_slot", "_inside",
        "_is_parked", "_is_reused", "_last", "_may_reuse", "_message", "_order", "_route", "_router", "_staff",
        "_target", "_targets", "_tried_at",
    )  # fmt: skip

    def __init__(
        self,
        staff: Staff,
        router: Router,
        order: RemoteOrder,
        message: Message,
        ask: Callable[[], None],
        done: Callable[[tuple[Outcome, ...]], None],
    ) -> None:
        self._staff = staff
        self._router = router
        self._order = order
        self._message = message
        self._ask = ask
        self._done: Callable[[tuple[Outcome, ...]], None] | None = done
        self._route: Route | None = None
        self._targets: list[Target] = []
        self._target: Target | None = None  # the one in hand
        self._connector: IConnector | None = None  # while connecting
        self._tried_at = 0.0  # since when, by the reactor's clock
        self._connection: Connection | None = None  # ready, and waiting for the slot
        self._before: Place | None = None  # the door it waits at
        self._inside: Place | None = None  # the door it went through, until it has a slot
        self._last: Result | None = None  # what the host before said
        self._has_asked = False
        self._has_slot = False
        self._is_parked = False  # without a connection until there is a slot
        self._is_reused = False
        self._has_begun = False  # with the connection in hand
        self._may_reuse = True

    def start(self) -> None:
        """Look for the route, and go on from there."""
        self._router.find(self._order.host, self._found)

    def go(self) -> None:
        """The slot is there."""
        if self._has_slot or self._done is None:
            return
        self._has_slot = True
        is_waiting = self._before is not None
        self._leave_doors()
        if self._connection is not None:
            self._begin(self._connection)
        elif self._is_parked or is_waiting:
            self._is_parked = False
            self._next()

    def stop(self) -> None:
        """No slot will ever come: end, unless there is one and a connection, too."""
        if not self._has_slot or self._connector is not None:
            self.cut(STOPPED)

    def cut(self, why: bytes) -> None:
        """End now, whatever is going on."""
        connector, self._connector = self._connector, None
        connection, self._connection = self._connection, None
        self._defer(why)
        if connector is not None:
            connector.disconnect()
        if connection is not None:
            connection.abort()

    # -- the way to a connection

    def _found(self, found: Route | MailError) -> None:
        if self._done is None:
            return
        if isinstance(found, MailError):
            verdict = Verdict.FAILURE if isinstance(found, Permanent) else Verdict.DEFERRAL
            self._finish((Outcome(verdict, found.text.encode()),) * len(self._order.locals))
            return
        self._route = found
        self._targets = list(found.targets)
        self._next()

    def _next(self) -> None:
        """Go to the next host. A guard post: what goes wrong here delays this message, and nobody else's."""
        try:
            self._try_next()
        except Exception:
            _log.failure("delivering to {host!r}", host=self._order.host)
            self._defer(BUG)

    def _try_next(self) -> None:
        """Use an idle connection to the next host, or connect to the first that is not known to be dead."""
        staff = self._staff
        self._has_begun = False
        while self._targets:
            self._target = target = self._targets.pop(0)
            key = self._key(target)
            has_idle = self._may_reuse and staff.pool.has(key)
            if not has_idle and staff.dead.is_dead(target.address, int(staff.now()), staff.pid):
                continue
            if not self._may_enter(target):
                return
            connection = staff.pool.take(key) if has_idle else None
            if connection is not None:
                self._reuse(connection)
            else:
                self._connect(target, key)
            return
        if self._last is None:
            self._defer(NO_CONNECTION)
        else:
            self._finish(self._last.outcomes(len(self._order.locals)))

    def _may_enter(self, target: Target) -> bool:
        """Whether one more connection may be had there; otherwise `admitted` will be called."""
        place = target.address, target.port
        if self._has_slot:
            return True
        if self._staff.doors.enter(place, self):
            self._inside = place
            return True
        self._before = place
        self._targets.insert(0, target)
        return False

    def admitted(self) -> None:
        """doors.Visitor"""
        self._before = None
        self._next()

    def passed_over(self) -> None:
        """doors.Visitor"""
        self._before = None
        self._targets.pop(0)
        self._next()

    def _leave_doors(self) -> None:
        before, self._before = self._before, None
        if before is not None:
            self._staff.doors.forget(before, self)
        inside, self._inside = self._inside, None
        if inside is not None:
            self._staff.doors.leave(inside)

    def _reuse(self, connection: Connection) -> None:
        self._is_reused = True
        connection.client = self
        self.connected()
        self.ready(connection)

    def _key(self, target: Target) -> Key:
        assert self._route is not None
        rules, policy = self._router.rules, self._route.policy
        bind = rules.bind_address(self._order.sender, target.address)
        names = self._names(target) if policy.level is Level.VERIFY else ()
        helohost = rules.settings.helohost
        return Key(target.address, target.port, target.protocol, bind, policy, names, helohost)

    def _names(self, target: Target) -> tuple[bytes, ...]:
        assert self._route is not None
        return certificate_names(self._route.policy, self._order.host, self._route.hop, target.name)

    def _connect(self, target: Target, key: Key) -> None:
        staff, settings = self._staff, self._router.rules.settings
        is_clear = staff.handshakes.is_recent(target.address, target.name, staff.reactor.seconds())
        terms = Terms(target.name, self._names(target), staff.tls, is_clear, settings.timeoutremote_s)
        self._is_reused = False
        bind = None if key.bind is None else (key.bind, 0)
        factory = Connecting(self, lambda: Connection(staff.connections, key, terms, self))
        self._tried_at = staff.reactor.seconds()
        self._connector = staff.reactor.connectTCP(
            target.address, target.port, factory, timeout=settings.timeoutconnect_s, bindAddress=bind
        )

    def not_connected(self, reason: Failure) -> None:
        """The attempt has failed; go to the next host."""
        self._connector = None
        target = self._target
        if self._done is None or target is None:
            return
        is_late = isinstance(reason.value, (TimeoutError, TCPTimedOutError))
        if self._counts(target):
            if is_late:
                self._staff.dead.timed_out(target.address, int(self._staff.now()))
            else:
                self._staff.dead.answered(target.address)
        if is_late:
            self._staff.doors.timed_out((target.address, target.port), self._tried_at)
        self._leave_doors()
        self._next()

    def _counts(self, target: Target) -> bool:
        """Whether an attempt says something about the host: a closed QMTP port that nobody promised does not."""
        return target.protocol == "smtp" or (self._route is not None and self._route.hop.is_route)

    # -- connection.Client

    def connected(self) -> None:
        """A connection is there: ask for the slot."""
        self._connector = None
        if self._done is None:
            return
        target = self._target
        if not self._is_reused and target is not None:
            self._staff.doors.answered((target.address, target.port), self._staff.reactor.seconds())
            if self._counts(target):
                self._staff.dead.answered(target.address)
        if not self._has_asked:
            self._has_asked = True
            self._ask()

    def ready(self, connection: Connection) -> None:
        """It can take the message."""
        if self._done is None:
            connection.quit()
        elif self._has_slot:
            self._begin(connection)
        else:
            self._connection = connection
            connection.wait_until(self._staff.reactor.seconds() + SLOT_WAIT_S)

    def waited(self, connection: Connection) -> None:
        """The slot does not come: somebody else may need the connection more."""
        connection.quit()
        self._park()

    def _park(self) -> None:
        self._connection = None
        self._is_parked = True
        self._leave_doors()
        if self._target is not None:
            self._targets.insert(0, self._target)

    def _begin(self, connection: Connection) -> None:
        """The slot and the connection are there: look at the message, then send it."""
        self._connection = connection
        self._survey()

    def _survey(self) -> None:
        """What is announced to SMTP of a message takes a look at all of it; a long one is looked at by and by."""
        connection, message = self._connection, self._message
        if connection is None or self._done is None:
            return  # it was lost meanwhile, or everything is over
        if connection.key.protocol == "smtp":
            try:
                message.look_on()
            except Unreadable:
                self._defer(NO_MESSAGE)
                connection.quit()
                return
            if not message.is_surveyed:
                connection.wait_until(NEVER)
                self._staff.reactor.callLater(0, self._survey)
                return
        self._connection = None
        self._has_begun = True
        order, survey = self._order, message.survey
        size, growth = message.size, survey.growth_bytes
        transaction = Transaction(order.sender, order.recipients(), size, survey.is_eight_bit, growth)
        connection.begin(transaction, message)

    def ended(self, connection: Connection, event: Ended) -> None:
        """The transaction is over."""
        settings = self._router.rules.settings
        outcomes = self._judged(event.result, connection)
        if event.is_reusable and connection.messages < settings.max_messages and not connection.is_unwanted:
            self._staff.pool.put(connection, settings.idle_s)
        else:
            connection.quit()
        self._finish(outcomes)

    def lost(self, connection: Connection, event: Lost) -> None:
        """So is the connection. Where nothing of the message was given away, there are other ways to try."""
        target, self._connection = self._target, None
        assert target is not None and self._route is not None
        if self._done is None:
            return
        self._leave_doors()
        is_refused_tls = connection.has_tls_failed and event.may_try_next_host and not self._route.policy.is_demanded
        if is_refused_tls:
            self._staff.handshakes.remember(target.address, target.name, self._staff.reactor.seconds())
        if event.result is None and not self._has_slot:
            self._park()
        elif is_refused_tls or (self._is_reused and (event.may_try_next_host or not self._has_begun)):
            self._may_reuse = False  # the others that are kept may have died with it
            self._targets.insert(0, target)
            self._next()
        elif event.may_try_next_host and (target.protocol == "smtp" or connection.has_tls_failed):
            self._last = event.result or self._last
            self._next()
        elif event.result is not None:
            self._finish(self._judged(event.result, connection))
        else:
            self._defer(NO_CONNECTION)

    def unreadable(self, connection: Connection) -> None:
        """The message cannot be read."""
        self._defer(NO_MESSAGE)

    # -- the end

    def _judged(self, result: Result, connection: Connection) -> tuple[Outcome, ...]:
        """What the host said counts, unless it wants the TLS that we left out because it had failed."""
        outcomes = result.outcomes(len(self._order.locals))
        target = self._target
        if connection.is_clear and target is not None and any(is_for_want_of_tls(text) for _, text in outcomes):
            connection.is_unwanted = True
            self._staff.handshakes.forget(target.address, target.name)
            outcomes = tuple(
                Outcome(Verdict.DEFERRAL, text) if is_for_want_of_tls(text) else Outcome(verdict, text)
                for verdict, text in outcomes
            )
        return outcomes

    def _defer(self, text: bytes) -> None:
        self._finish((Outcome(Verdict.DEFERRAL, text),) * len(self._order.locals))

    def _finish(self, outcomes: tuple[Outcome, ...]) -> None:
        done, self._done = self._done, None
        self._message.close()
        if done is not None:
            done(outcomes)
            self._leave_doors()
