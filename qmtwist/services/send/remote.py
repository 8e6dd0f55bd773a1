"""Transactions with other hosts: one for several recipients of a message, a report for each. (scheduler/remote)"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from twisted.logger import Logger

from qmtwist.mail.address import split
from qmtwist.mail.outcome import Outcome, Verdict
from qmtwist.rules.verp import expand
from qmtwist.scheduler.orders import End, Transact
from qmtwist.services.seams import RemoteCourier
from qmtwist.wire.remoteorder import RemoteOrder

from .deliverylog import last_word
from .local import NO_HOST, UNREADABLE
from .mail import Mail
from .office import Office
from .settling import Settling

STOPPED = Outcome(Verdict.DEFERRAL, b"The mail server was stopped before it had reached the other host. (#4.3.2)\n")

_log = Logger()


class _Transaction:
    """One from its order to its last report."""

    __slots__ = ("deliveries", "go", "has_asked", "mail", "order", "outcomes")

    def __init__(self, order: Transact, mail: Mail) -> None:
        self.order = order
        self.mail = mail
        self.deliveries: list[int] = []  # the log's number of each recipient; none before it has begun
        self.outcomes: dict[int, Outcome] = {}  # by place in the order
        self.has_asked = False
        self.go: Callable[[], None] | None = None  # while it is connected and waits for its slot

    def end(self) -> End:
        """What it says of the other host: that it is there shows in asking for a slot, or in a definite answer."""
        verdicts = {outcome.verdict for outcome in self.outcomes.values()}
        if Verdict.SUCCESS in verdicts:
            return End.SERVED
        return End.UNREACHED if Verdict.DEFERRAL in verdicts and not self.has_asked else End.REACHED


class RemoteDeliveries:
    """Made by the queue manager."""

    def __init__(self, office: Office, courier: RemoteCourier, settling: Settling) -> None:
        self._office = office
        self._channel = office.machine.remote
        self._courier = courier
        self._settling = settling
        self._out: dict[int, _Transaction] = {}
        self.look()

    def look(self) -> None:
        """Whether programs are run may change; they have their slots from the start."""
        self._channel.slots.is_lending = not self._courier.runs_programs

    def have_slots(self, tickets: Iterable[int]) -> None:
        """These have a slot now, and go on if they waited for it."""
        for ticket in tickets:
            transaction = self._out[ticket]
            self._begin(transaction)
            go, transaction.go = transaction.go, None
            if go is not None:
                go()

    def recall(self) -> None:
        """We are stopping: what has not begun its message is taken back."""
        for ticket in self._channel.slots.not_firm():
            self._recall(ticket, self._out.pop(ticket))

    def start(self, order: Transact) -> None:
        """Carry out an order of the timetable."""
        transaction = _Transaction(order, self._office.mail[order.number])
        self._out[order.ticket] = transaction
        if order.has_slot:
            self._begin(transaction)
        if order.host is None:
            self._report_all(transaction, NO_HOST)
            return
        try:
            self._transact(transaction, order.host)
        except Exception as error:  # a bug delays these recipients, and takes no slot with it
            if not isinstance(error, OSError):
                _log.failure("sending message {number}", number=order.number)
            self._report_all(transaction, UNREADABLE)

    def _transact(self, transaction: _Transaction, host: bytes) -> None:
        ticket, mail = transaction.order.ticket, transaction.mail
        addresses = [mail.address("remote", index) for index in transaction.order.recipients]
        may_splice = not self._courier.runs_programs
        content, descriptor, head, skip = self._office.personal.content(mail, addresses[0], may_splice)
        locals_ = tuple(split(address)[0] for address in addresses)
        # several recipients are together only where the sender is the same for all
        order = RemoteOrder(expand(mail.sender, addresses[0]), host, locals_, content, head, skip)
        self._courier.transact(order, descriptor, partial(self._reported, ticket), partial(self._permit, ticket))

    # -- slots

    def _permit(self, ticket: int, go: Callable[[], None]) -> None:
        """seams.Permit; what was taken back never goes on."""
        transaction = self._out.get(ticket)
        if transaction is None:
            return
        transaction.has_asked = True
        if self._channel.found(ticket):
            self._office.pump_soon()
        if self._channel.ask(ticket):
            self._begin(transaction)
            go()
        else:
            transaction.go = go

    def _begin(self, transaction: _Transaction) -> None:
        """The deliveries begin, and get their numbers, unless they did before."""
        if transaction.deliveries:
            return
        number, mail, log = transaction.order.number, transaction.mail, self._office.log
        for index in transaction.order.recipients:
            transaction.deliveries.append(log.begun(number, "remote", mail.address("remote", index)))
        log.status()

    def _recall(self, ticket: int, transaction: _Transaction) -> None:
        office, outcomes = self._office, transaction.outcomes
        unreported = [place for place in range(len(transaction.order.recipients)) if place not in outcomes]
        closed = self._channel.recalled(ticket, len(unreported))
        if transaction.deliveries:
            for place in unreported:
                office.log.ended(transaction.deliveries[place], STOPPED)
            office.log.status()
        if closed is not None:
            office.closed(closed)
        self._settle(transaction)

    # -- reports

    def _reported(self, ticket: int, place: int, outcome: Outcome) -> None:
        transaction = self._out.get(ticket)
        if transaction is None or place in transaction.outcomes:
            return
        self._begin(transaction)
        outcome = last_word(outcome, self._channel.is_last_try(ticket))
        transaction.outcomes[place] = outcome
        if len(transaction.outcomes) < len(transaction.order.recipients):
            self._office.log.ended(transaction.deliveries[place], outcome)
            return
        del self._out[ticket]
        following = self._channel.ended(ticket, transaction.end())
        self._office.log.ended(transaction.deliveries[place], outcome)
        self._office.log.status()
        self.have_slots(following)
        self._settle(transaction)
        self._office.pump_soon()

    def _report_all(self, transaction: _Transaction, outcome: Outcome) -> None:
        """The same for all who have no report yet; the other host has nothing to do with it."""
        transaction.has_asked = True
        for place in range(len(transaction.order.recipients)):
            self._reported(transaction.order.ticket, place, outcome)

    def _settle(self, transaction: _Transaction) -> None:
        """All at once, so that one look at the disk is enough."""
        recipients = transaction.order.recipients
        outcomes = [(recipients[place], outcome) for place, outcome in transaction.outcomes.items()]
        self._settling.settle(transaction.mail, "remote", outcomes)
