"""Deliveries on this host: a report for each order; what needs a process asks for its slot. (scheduler/local)"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from twisted.logger import Logger

from qmtwist.mail.address import split
from qmtwist.mail.outcome import Outcome, Verdict
from qmtwist.rules.verp import expand
from qmtwist.scheduler.orders import Start
from qmtwist.services.seams import Courier
from qmtwist.wire.spawn import DeliverOrder

from .ahead import Ahead
from .deliverylog import last_word
from .office import Office
from .settling import Settling

NO_HOST = Outcome(Verdict.FAILURE, b"Sorry, address must include host name. (#5.1.3)\n")
UNREADABLE = Outcome(Verdict.DEFERRAL, b"qmail-spawn unable to open message. (#4.3.0)\n")

_log = Logger()


class LocalDeliveries:
    """Made by the queue manager."""

    def __init__(self, office: Office, courier: Courier, settling: Settling) -> None:
        self._office = office
        self._channel = office.machine.local
        self._courier = courier
        self._settling = settling
        self._begun: dict[int, int] = {}  # the timetable's number of a delivery: the log's
        self._ahead = Ahead(self._channel, self._begin, office.closed)

    def have_slots(self, tickets: Iterable[int]) -> None:
        """These have waited long enough."""
        self._ahead.have_slots(tickets)

    def recall(self) -> None:
        """We are stopping: what waits for its slot is taken back."""
        self._ahead.recall()

    def start(self, order: Start) -> None:
        """Carry out an order of the timetable."""
        ticket = order.delivery
        mail = self._office.mail[order.number]
        local, host = split(mail.address("local", order.recipient))
        report = partial(self._reported, ticket)
        if host is None:
            report(NO_HOST)
            return
        try:
            found = self._office.personal.content(mail, local + b"@" + host)
        except OSError:
            report(UNREADABLE)
            return
        sender = expand(mail.sender, local + b"@" + host)
        delivery = DeliverOrder(sender, local, host, found.content, found.head, found.skip)
        try:
            self._courier.deliver(delivery, found.descriptor, report, partial(self._ahead.permit, ticket))
        except Exception:  # a bug delays this recipient, and takes no slot with it
            _log.failure("delivering message {number}", number=order.number)
            if self._channel.is_in_delivery(ticket):
                report(UNREADABLE)

    def _begin(self, order: Start, is_light: bool = False) -> None:
        """The delivery begins, and gets its number; a light one needs no process, and begins when it ends."""
        office = self._office
        recipient = office.mail[order.number].address("local", order.recipient)
        self._begun[order.delivery] = office.log.begun(order.number, "local", recipient)
        office.log.status(more_local=int(is_light))

    def _reported(self, ticket: int, outcome: Outcome) -> None:
        if not self._ahead.is_heard(ticket):
            return
        office = self._office
        outcome = last_word(outcome, self._channel.is_last_try(ticket))
        if ticket not in self._begun:
            self._begin(self._channel.order(ticket), is_light=True)
        order, following = self._channel.ended(ticket)
        office.log.ended(self._begun.pop(ticket), outcome)
        office.log.status()
        if following is not None:
            self._ahead.have_slots((following,))
        self._settling.settle(office.mail[order.number], "local", ((order.recipient, outcome),))
        office.pump_soon()
