"""The queue manager: carries out what the timetable orders. (qmail-send(8))

Every message is in `_mail` while it is in motion: all that live in the journal, and those in queue files while a pass
has them open. What is deferred is put to rest in files; between attempts only its number and time are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from qmtwist.control.settings import SendSettings
from qmtwist.mail.address import split
from qmtwist.rules.routing import Routes, route
from qmtwist.rules.verp import is_variable
from qmtwist.scheduler.machine import Machine
from qmtwist.scheduler.orders import Aside, Closed, Open, Start
from qmtwist.services.disk import Disk
from qmtwist.services.log.telemetry import Telemetry
from qmtwist.services.seams import Courier, RemoteCourier
from qmtwist.store.journal.records import Draft
from qmtwist.store.journal.writer import Journal
from qmtwist.store.queue import records
from qmtwist.store.queue.layout import Layout

from .deliverylog import DeliveryLog
from .farewell import Farewell
from .local import LocalDeliveries
from .mail import FileMail, JournalMail, Mail, Unreadable
from .personal import Personal
from .remote import RemoteDeliveries
from .settling import Settling

SLEEP_SYSFAIL_S = 123  # failures of bookkeeping are tried again after this
NOTE_DELAY_S = 0.2  # the longest that an end mark waits for a commit to ride with
CONTENT_LIMIT_BYTES = 32 * 1024 * 1024  # of messages kept in memory; beyond it they are read from the journal
CROWD = 20_000  # messages in motion, above which what is set aside rests in files
OPENED_IN_A_ROW, OPENING_S = 64, 0.02  # messages, seconds; then others may use the reactor


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
        self.is_paused = False
        self.on_quiet: Callable[[], None] = lambda: None  # asked whenever something may have become idle
        limits = {"local": settings.concurrencylocal, "remote": settings.concurrencyremote}
        self.machine = Machine(limits, settings.queuelifetime_s, settings.concurrencyperhost, ahead=("local", "remote"))
        self.log = DeliveryLog(self.machine, telemetry)
        self._reactor = reactor
        self.routes = routes_of(settings)
        warn = partial(telemetry.notice, "warning")
        self.personal = Personal(layout.pid, layout.oneclick, lambda: self.routes, warn)
        self.personal.url = settings.unsubscribeurl
        self._kept_bytes = 0
        self._timer: IDelayedCall | None = None
        self._is_pumping = self._is_in_turn = False
        self._is_note_waiting = False
        self._crowd_looked_at = 0.0

    def engage(self, local: Courier, remote: RemoteCourier, farewell: Farewell) -> None:
        """Introduce the agents and those who end messages."""
        settling = Settling(self)
        self._local = LocalDeliveries(self, local, settling)
        self._remote = RemoteDeliveries(self, remote, settling)
        self._farewell = farewell

    def now(self) -> int:
        """POSIX seconds."""
        return int(self._reactor.seconds())

    def apply(self, settings: SendSettings) -> None:
        """Use new settings for what comes; messages already sorted keep their routes."""
        self.settings = settings
        self.routes = routes_of(settings)
        self.personal.url = settings.unsubscribeurl
        self._set_limits()
        self.machine.set_lifetime(settings.queuelifetime_s)
        self.pump_soon()

    def _set_limits(self) -> None:
        settings, machine = self.settings, self.machine
        local, remote = settings.concurrencylocal, settings.concurrencyremote
        if self.is_paused:
            local = remote = 0
        self._local.have_slots(machine.local.slots.set_limit(local))
        self._remote.have_slots(machine.remote.set_limits(remote, settings.concurrencyperhost))

    def pause(self, is_wanted: bool) -> None:
        """Begin no delivery until this is called again with False; those in progress go on."""
        if is_wanted != self.is_paused:
            self.is_paused = is_wanted
            self._set_limits()
            self.log.status()
            self.pump_soon()

    def sort(self, recipient: bytes) -> tuple[str, bytes]:
        """Channel and rewritten recipient."""
        return route(recipient, self.routes)

    # -- messages in motion

    def take(self, mail: Mail) -> None:
        """A message is in motion from now on."""
        self.mail[mail.number] = mail
        if isinstance(mail, JournalMail):
            self._kept_bytes += mail.size
            if self._kept_bytes > CONTENT_LIMIT_BYTES:
                self.let_go(mail)

    def let_go(self, mail: JournalMail) -> None:
        """Keep the message in memory no longer: it is read from the journal when it is needed."""
        if mail.content is not None:
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
        self._remote.look()
        now, began = self.now(), self._reactor.seconds()
        opened = 0
        while (order := self.machine.next_order(now)) is not None:
            if isinstance(order, Open):
                self._open(order, now)
                opened += 1
                if opened >= OPENED_IN_A_ROW or self._reactor.seconds() - began > OPENING_S:
                    self.pump_soon()
                    break
            else:
                opened = 0
                self._local.start(order) if isinstance(order, Start) else self._remote.start(order)
        self._set_timer(now)
        self.on_quiet()

    def _set_timer(self, now: int) -> None:
        due = self.machine.next_due(now)
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        if due is not None and not self.machine.is_stopping:
            # a timer is never trusted for longer than a minute: clocks jump
            self._timer = self._reactor.callLater(max(1, min(due - now, 60)), self.pump_soon)

    def stop(self) -> None:
        """Start nothing any more: no passes by time either, and what waits for its slot is taken back."""
        for closed in self.machine.stop():
            self.closed(closed)
        self._local.recall()
        self._remote.recall()
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
        if channel == "local":
            self._opened(mail, self.machine.local.opened(number, mail.birth, left, now))
            return
        places = [(index, split(mail.address(channel, index))[1]) for index in left]
        most = 1 if is_variable(mail.sender) else self.settings.rcptspertransaction
        self._opened(mail, self.machine.remote.opened(number, mail.birth, places, most, now))

    def _opened(self, mail: Mail, answer: Closed | Aside | None) -> None:
        if isinstance(answer, Closed):
            self.closed(answer)
        elif answer is not None and not self.machine.is_open(mail.number):
            if isinstance(mail, FileMail):
                self.forget(mail)
            elif len(self.mail) > CROWD:
                self._farewell.rest(mail)

    # -- what follows from reports

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

    def closed(self, closed: Closed) -> None:
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
