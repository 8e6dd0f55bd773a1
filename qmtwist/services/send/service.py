"""The queue manager: carries out what the timetable orders. (qmail-send(8))

Every message is in `_mail` while it is in motion: all that live in the journal, and those in queue files while a pass
has them open. What is deferred is put to rest in files; between attempts only its number and time are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from qmtwist.control.settings import SendSettings
from qmtwist.logbook.facts import DeliveryEnded, DeliveryStarted, Status
from qmtwist.mail.address import split
from qmtwist.mail.outcome import Outcome, Verdict
from qmtwist.rules.bounce import GIVING_UP, paragraph
from qmtwist.rules.routing import Routes, route, without_prefix
from qmtwist.rules.verp import expand
from qmtwist.scheduler.machine import Machine
from qmtwist.scheduler.orders import Closed, Open, Start
from qmtwist.services.disk import Disk
from qmtwist.services.seams import Courier
from qmtwist.services.telemetry import Telemetry
from qmtwist.store.journal.records import Draft
from qmtwist.store.journal.writer import Journal
from qmtwist.store.queue import bounces as bounce_notes
from qmtwist.store.queue import records
from qmtwist.store.queue.layout import Layout
from qmtwist.wire.spawn import DeliverOrder

from .ahead import Ahead
from .farewell import Farewell
from .mail import FileMail, JournalMail, Mail, Unreadable

SLEEP_SYSFAIL_S = 123  # failures of bookkeeping are tried again after this
NOTE_DELAY_S = 0.2  # the longest that an end mark waits for a commit to ride with
CONTENT_LIMIT_BYTES = 64 * 1024 * 1024  # of messages kept in memory; beyond it they are read from the journal

_log = Logger()
_KIND = {Verdict.SUCCESS: "success", Verdict.FAILURE: "failure", Verdict.DEFERRAL: "deferral"}
_NO_HOST = Outcome(Verdict.FAILURE, b"Sorry, address must include host name. (#5.1.3)\n")
_UNREADABLE = Outcome(Verdict.DEFERRAL, b"qmail-spawn unable to open message. (#4.3.0)\n")


class QueueManager:
    """Made by `assemble`; its parts are introduced by `engage` before anything arrives."""

    def __init__(
        self,
        reactor: IReactorTime,
        layout: Layout,
        journal: Journal,
        disk: Disk,
        telemetry: Telemetry,
        settings: SendSettings,
    ) -> None:
        self.layout = layout
        self.journal = journal
        self.disk = disk
        self.telemetry = telemetry
        self.settings = settings
        self.mail: dict[int, Mail] = {}
        self.busy = 0  # steps on their way to disk, without which nobody may leave
        self.on_quiet: Callable[[], None] = lambda: None  # asked whenever something may have become idle
        limits = {"local": settings.concurrencylocal, "remote": settings.concurrencyremote}
        self.machine = Machine(limits, settings.queuelifetime_s, ahead=("local",))
        self._reactor = reactor
        self.routes = routes_of(settings)
        self._couriers: dict[str, Courier] = {}
        self._kept_bytes = 0
        self._timer: IDelayedCall | None = None
        self._deliveries = 0
        self._begun: dict[int, int] = {}  # the machine's number of a delivery: the log's
        self._ahead = Ahead(self.machine, self._begin, self._closed)
        self._is_pumping = self._is_in_turn = False
        self._is_note_waiting = False
        self._crowd_looked_at = 0.0

    def engage(self, couriers: dict[str, Courier], farewell: Farewell) -> None:
        """Introduce the agents and those who end messages."""
        self._couriers = couriers
        self._farewell = farewell

    def now(self) -> int:
        """POSIX seconds."""
        return int(self._reactor.seconds())

    def apply(self, settings: SendSettings) -> None:
        """Use new settings for what comes; messages already sorted keep their routes."""
        self.settings = settings
        self.routes = routes_of(settings)
        for channel, limit in (("local", settings.concurrencylocal), ("remote", settings.concurrencyremote)):
            self._ahead.have_slots(self.machine.set_limit(channel, limit))
        self.machine.lifetime_s = settings.queuelifetime_s
        self.pump_soon()

    def sort(self, recipient: bytes) -> tuple[str, bytes]:
        """Channel and rewritten recipient."""
        return route(recipient, self.routes)

    def status(self, more_local: int = 0) -> None:
        """Log the deliveries in progress."""
        machine = self.machine
        self.telemetry.fact(
            Status(
                min(machine.used("local") + more_local, machine.limit("local")),
                machine.limit("local"),
                machine.used("remote"),
                machine.limit("remote"),
                machine.is_stopping,
            )
        )

    # -- messages in motion

    def take(self, mail: Mail) -> None:
        """A message is in motion from now on."""
        self.mail[mail.number] = mail
        if isinstance(mail, JournalMail):
            self._kept_bytes += mail.size
            if self._kept_bytes > CONTENT_LIMIT_BYTES:
                mail.content = None
                self._kept_bytes -= mail.size

    def finish(self, mail: Mail) -> None:
        """It has no recipient left."""
        self._farewell.finish(mail)

    def spare_old_segments(self) -> None:
        """Not more than once a second: mail that has waited long must not hold the journal."""
        now = self._reactor.seconds()
        if now - self._crowd_looked_at > 1:
            self._crowd_looked_at = now
            self._farewell.spare_old_segments()

    def forget(self, mail: Mail) -> None:
        """It is not in motion any more."""
        if self.mail.pop(mail.number, None) is not None and isinstance(mail, JournalMail):
            if mail.content is not None:
                self._kept_bytes -= mail.size
            self.journal.release(mail.place.segment)

    # -- the pump

    def pump_soon(self) -> None:
        """Ask the timetable in this turn of the reactor, once."""
        if not self._is_pumping:
            self._is_pumping = True
            if not self._is_in_turn:
                self._reactor.callLater(0, self._pump)

    def in_one_turn(self, work: Callable[[], None]) -> None:
        """Do the work, then ask the timetable once, without another turn of the reactor."""
        if self._is_pumping or self._is_in_turn:
            work()
            return
        self._is_in_turn = True
        try:
            work()
        finally:
            self._is_in_turn = False
            if self._is_pumping:
                self._pump()

    def _pump(self) -> None:
        self._is_pumping = False
        now = self.now()
        while (order := self.machine.next_order(now)) is not None:
            if isinstance(order, Open):
                self._open(order, now)
            else:
                self._start(order)
        due = self.machine.next_due(now)
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        if due is not None and not self.machine.is_stopping:
            # a timer is never trusted for longer than a minute: clocks jump
            self._timer = self._reactor.callLater(max(1, min(due - now, 60)), self.pump_soon)
        self.on_quiet()

    def stop(self) -> None:
        """Start nothing any more: no passes by time either, and what waits for its slot is taken back."""
        self.machine.stop()
        self._ahead.recall()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _open(self, order: Open, now: int) -> None:
        number, channel = order.number, order.channel
        mail = self.mail.get(number)
        if mail is not None and mail.is_leaving:
            self.machine.vanished(channel, number, now + 1)
            return
        try:
            if mail is None:
                mail = FileMail(self.layout, number)
            left = mail.left(channel)
        except FileNotFoundError:
            self.telemetry.notice("warning", f"unable to open info/{number % 23}/{number}")
            self.machine.vanished(channel, number, None)
            return
        except Unreadable as error:
            name = f"{channel}/{number % 23}/{number}"
            self.telemetry.notice("warning", f"trouble reading {name}; will try again later: {error}")
            self.machine.vanished(channel, number, now + SLEEP_SYSFAIL_S)
            return
        self.mail[number] = mail
        closed = self.machine.opened(channel, number, mail.birth, left, now)
        if closed is not None:
            self._closed(closed)

    def _start(self, order: Start) -> None:
        ticket, channel = order.delivery, order.channel
        mail = self.mail[order.number]
        if channel == "remote":
            self._begin(order)
        local, host = split(mail.address(channel, order.recipient))
        report = partial(self._reported, ticket)
        if host is None:
            report(_NO_HOST)
            return
        descriptor, content = None, None
        try:
            if isinstance(mail, JournalMail):
                content = mail.read()
            else:
                descriptor = mail.open_message()
        except OSError:
            report(_UNREADABLE)
            return
        sender = expand(mail.sender, local + b"@" + host)
        delivery = DeliverOrder(sender, local, host, content)
        try:
            self._couriers[channel].deliver(delivery, descriptor, report, partial(self._ahead.permit, ticket))
        except Exception:  # a bug delays this recipient, and takes no slot with it
            _log.failure("delivering message {number}", number=order.number)
            if self.machine.is_in_delivery(ticket):
                report(_UNREADABLE)

    def _begin(self, order: Start, is_light: bool = False) -> None:
        """The delivery begins, and gets its number; a light one needs no process, and begins when it ends."""
        self._deliveries += 1
        self._begun[order.delivery] = self._deliveries
        recipient = self.mail[order.number].address(order.channel, order.recipient)
        self.telemetry.fact(DeliveryStarted(self._deliveries, order.number, order.channel, recipient))
        self.status(int(is_light))

    # -- reports

    def _reported(self, ticket: int, outcome: Outcome) -> None:
        if not self._ahead.is_heard(ticket):
            return
        verdict, text = outcome
        if verdict is Verdict.DEFERRAL and self.machine.is_last_try(ticket):
            verdict, text = Verdict.FAILURE, text + GIVING_UP
        if ticket not in self._begun:
            self._begin(self.machine.order(ticket), is_light=True)
        order, following = self.machine.ended(ticket)
        self.telemetry.fact(DeliveryEnded(self._begun.pop(ticket), _KIND[verdict], text))
        self.status()
        if following is not None:
            self._ahead.have_slots((following,))
        mail = self.mail[order.number]
        if verdict is Verdict.DEFERRAL:
            self._settle(order, False)
        elif isinstance(mail, JournalMail):
            self._settle_in_journal(mail, order, verdict, text)
        else:
            self._settle_in_files(mail, order, verdict, text)
        self.pump_soon()

    def _note(self, recipient: bytes, text: bytes) -> bytes:
        return paragraph(without_prefix(recipient, self.routes), text)

    def _settle_in_journal(self, mail: JournalMail, order: Start, verdict: Verdict, text: bytes) -> None:
        if verdict is Verdict.FAILURE:
            recipient = mail.address(order.channel, order.recipient)
            mail.note_failed(self.note, order.recipient, self._note(recipient, text))
        else:
            mail.note_served(self.note, order.recipient)
        self._settle(order, True)

    def _settle_in_files(self, mail: FileMail, order: Start, verdict: Verdict, text: bytes) -> None:
        """The bounce note is on disk before the recipient is marked done."""
        recipient = mail.address(order.channel, order.recipient)
        note = self._note(recipient, text) if verdict is Verdict.FAILURE else b""

        def write() -> None:
            if note:
                bounce_notes.append_note(self.layout, mail.number, note)
            try:
                mail.mark(order.channel, order.recipient)
            except OSError:
                name = f"{order.channel}/{mail.number % 23}/{mail.number}"
                self.telemetry.notice("warning", f"trouble marking {name}; message will be delivered twice!")

        def trouble(failure: object) -> None:
            self.telemetry.notice("alert", f"unable to append to bounce message, will try again later: {failure}")
            self.step_done()
            self._settle(order, False)

        def written(_: None) -> None:
            self.step_done()
            self._settle(order, True)

        self.busy += 1
        self.disk.run(write).addCallbacks(written, trouble)

    def note(self, draft: Draft) -> None:
        """Write a mark into the journal: with the next commit, or soon when none comes."""
        self.journal.note(draft)
        if not self._is_note_waiting:
            self._is_note_waiting = True
            self._reactor.callLater(NOTE_DELAY_S, self._flush_notes)

    def _flush_notes(self) -> None:
        self._is_note_waiting = False
        if not self.machine.is_stopping:  # else everything is put to rest soon
            self.journal.flush(lambda: None)

    def step_done(self) -> None:
        """A step that was on its way to disk has arrived."""
        self.busy -= 1
        self.pump_soon()

    def _settle(self, order: Start, is_served: bool) -> None:
        closed = self.machine.settled(order.channel, order.number, is_served)
        if closed is not None:
            self._closed(closed)

    def _closed(self, closed: Closed) -> None:
        """A pass is over: the channel is finished, or its rest waits for the next attempt."""
        mail = self.mail[closed.number]
        if isinstance(mail, JournalMail):
            self._closed_in_journal(mail, closed)
        else:
            self._closed_in_files(mail, closed)

    def _closed_in_journal(self, mail: JournalMail, closed: Closed) -> None:
        if closed.left:
            mail.retry_at[closed.channel] = closed.retry_at
        else:
            mail.unfinished.discard(closed.channel)
        if not mail.unfinished:
            self._farewell.finish(mail)
        elif mail.retry_at and not self.machine.is_open(mail.number) and not self.machine.is_stopping:
            self._farewell.rest(mail)

    def _closed_in_files(self, mail: FileMail, closed: Closed) -> None:
        number, channel = closed.number, closed.channel
        try:
            if closed.left:
                self.machine.add(channel, number, closed.retry_at)
                records.set_due(self.layout, channel, number, closed.retry_at)
            elif mail.finish_channel(channel):
                self._farewell.finish(mail)
                return
        except OSError as error:
            name = f"{channel}/{number % 23}/{number}"
            self.telemetry.notice("warning", f"trouble with {name}; will try again later: {error.strerror}")
            if not closed.left:
                self.machine.add(channel, number, self.now() + SLEEP_SYSFAIL_S)
        if not self.machine.is_open(number):
            self.forget(mail)

    def all_due(self) -> None:
        """ALRM: try everything now; what is just being put to rest, too, when it is."""
        self.machine.all_due()
        for mail in self.mail.values():
            if isinstance(mail, JournalMail):
                mail.retry_at.update(dict.fromkeys(mail.retry_at, self.now()))
        self.pump_soon()

    def later(self, seconds: float, what: Callable[[], None]) -> None:
        """Call `what` after this time, unless the server is stopping by then."""
        self._reactor.callLater(seconds, lambda: None if self.machine.is_stopping else what())


def routes_of(settings: SendSettings) -> Routes:
    """The part of the settings that routing asks."""
    return Routes(settings.locals, settings.virtualdomains, settings.percenthack, settings.envnoathost)
