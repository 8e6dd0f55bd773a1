"""The queue as one service: opened at start, drained and put to rest at the end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorFDSet, IReactorFromThreads, IReactorTime, IReadDescriptor
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure
from zope.interface import implementer

from qmtwist.control.settings import SendSettings
from qmtwist.logbook.facts import Exiting
from qmtwist.services.disk import Disk
from qmtwist.services.intake.journal import JournalIntake
from qmtwist.services.log.telemetry import Telemetry
from qmtwist.services.seams import Courier, Intake, Origin, RemoteCourier
from qmtwist.store import trigger
from qmtwist.store.journal import records as journal_records
from qmtwist.store.journal.writer import Journal
from qmtwist.store.queue import clean, numbers
from qmtwist.store.queue.layout import Layout
from qmtwist.store.queue.rest import put_to_rest
from qmtwist.wire.queuelist import listing

from . import lifecycle
from .arrivals import Arrivals
from .bounces import Bounces
from .ending import REST_BATCH, Ending
from .mail import JournalMail
from .opening import scan, settle_journal
from .service import QueueManager
from .todo import SCAN_INTERVAL_S, TodoReader

NUMBER_BLOCK = 10_000
CLEAN_INTERVAL_S = 76431
DRAIN_LOOK_S = 0.02


class Reactor(IReactorTime, IReactorFromThreads, IReactorFDSet):
    """What the queue needs of the reactor."""


@implementer(IReadDescriptor)
class TriggerReader:
    """The fifo as the reactor sees it."""

    def __init__(self, fifo: trigger.Trigger, wake: Callable[[], None]) -> None:
        self._fifo = fifo
        self._wake = wake

    def fileno(self) -> int:
        """Its descriptor."""
        return self._fifo.fileno()

    def doRead(self) -> None:
        """Somebody pulled."""
        if self._fifo.hear():
            self._wake()

    def connectionLost(self, reason: Failure) -> None:
        """The reactor gives it up; todo/ is still looked at from time to time."""

    def logPrefix(self) -> str:
        """For Twisted's own log."""
        return "trigger"


class Queue:
    """Made by `assemble`. `open` before anything else, `stop` at the end."""

    def __init__(
        self,
        reactor: Reactor,
        home: str,
        settings: SendSettings,
        telemetry: Telemetry,
        bounce_origin: Origin,
    ) -> None:
        self._reactor = reactor
        self.layout = Layout(f"{home}/queue")
        self.telemetry = telemetry
        self._settings = settings
        self._bounce_origin = bounce_origin
        self._numbers = iter(range(0))
        self._loops: list[LoopingCall] = []
        self._trigger: trigger.Trigger | None = None
        self._stopped: Deferred[None] | None = None
        self._drain_timer: IDelayedCall | None = None
        self._life = lifecycle.build()(self)

    def open(self, local: Courier, remote: RemoteCourier) -> None:
        """Settle the journal, schedule what is there, and be ready for messages.

        :raises Temporary: the queue cannot be used. :raises OSError: the same, from the kernel.
        """
        layout, reactor, settings = self.layout, self._reactor, self._settings
        self.disk = Disk(reactor, "queue")
        self.spool = Disk(reactor, "spool", 8)
        self.disk.start()
        self.spool.start()
        os.makedirs(layout.journal, mode=0o700, exist_ok=True)
        self.journal = Journal(layout.journal, self._notified)
        self.manager = QueueManager(reactor, layout, self.journal, self.disk, self.telemetry, settings)
        count = settle_journal(layout, self.manager.sort, self.telemetry.notice)
        if count:
            self.telemetry.notice("", f"journal: {count} messages recovered into queue files")
        self.journal.start()
        self._arrivals = Arrivals(self.manager, lambda: self._todo.wake())
        self.intake = JournalIntake(
            self.journal,
            layout,
            self.spool,
            self._next_number,
            self._arrivals,
            settings.journalmax_bytes,
            settings.minfree_bytes,
        )
        self.intake.extra = settings.queueextra
        self._todo = TodoReader(
            layout, self.disk, self.telemetry, time.time, self._arrivals.preprocessed, self.manager.later
        )
        self._todo.use(self.manager.sort)
        self.ending = Ending(self.manager, Bounces(self.intake, self._bounce_origin))
        self.manager.engage(local, remote, self.ending)
        self.manager.log.status()
        self._schedule()
        self._start_loops()

    def _notified(self, settle: Callable[[], None]) -> None:
        """In the journal's thread: a batch is on disk."""
        self._reactor.callFromThread(self.manager.in_one_turn, settle)

    def use_bounce_intake(self, intake: Intake) -> None:
        """Bounces go through a program, as everything does that is queued here."""
        self.ending.use(Bounces(intake, self._bounce_origin))

    def _schedule(self) -> None:
        waiting = scan(self.layout)
        for channel, entries in waiting.due.items():
            for number, due in entries:
                self.manager.machine.add(channel, number, due)
        # not before the caller has named the intake for bounces
        self._reactor.callLater(0, self._finish, waiting.finished)
        self.manager.pump_soon()

    def _finish(self, numbers: list[int]) -> None:
        for number in numbers:
            self._arrivals.finish_file(number)

    def _start_loops(self) -> None:
        complaint = trigger.ensure(self.layout.trigger)
        if complaint:
            self.telemetry.notice("warning", complaint)
        try:
            self._trigger = trigger.Trigger(self.layout.trigger)
        except OSError as error:
            self.telemetry.notice("warning", f"unable to open lock/trigger: {error}")
        else:
            self._trigger_reader = TriggerReader(self._trigger, self._todo.wake)
            self._reactor.addReader(self._trigger_reader)
        for work, interval in ((self._todo.wake, SCAN_INTERVAL_S), (self._clean, CLEAN_INTERVAL_S)):
            loop = LoopingCall(work)
            loop.clock = self._reactor
            loop.start(interval).addErrback(self._loop_failed)
            self._loops.append(loop)

    def _loop_failed(self, failure: object) -> None:
        self.telemetry.notice("alert", f"a periodic task failed: {failure}")

    def _clean(self) -> None:
        self.disk.run(self._remove_leftovers).addErrback(self._loop_failed)

    def _remove_leftovers(self) -> None:
        now = time.time()
        clean.remove_staged(self.layout, now)
        for number in list(clean.leftovers(self.layout, now)):
            clean.remove(self.layout, number)

    def _next_number(self) -> int:
        for number in self._numbers:
            return number
        self._numbers = iter(numbers.reserve(self.layout, NUMBER_BLOCK))
        return next(self._numbers)

    def apply(self, settings: SendSettings) -> None:
        """Use new settings."""
        self._settings = settings
        self.manager.apply(settings)
        self.intake.journalmax_bytes = settings.journalmax_bytes
        self.intake.minfree_bytes = settings.minfree_bytes
        self.intake.extra = settings.queueextra

    def sort(self, recipient: bytes) -> tuple[str, bytes]:
        """Channel and rewritten recipient, by the settings in force."""
        return self.manager.sort(recipient)

    def listing(self) -> list[bytes]:
        """What rests in no queue file, as qmail-qread shows it."""
        return [
            listing(mail.number, mail.birth, mail.size, mail.sender, False, mail.listed())
            for mail in self.manager.mail.values()
            if isinstance(mail, JournalMail)
        ]

    # -- the end

    def stop(self) -> Deferred[None]:
        """Drain, rest, stop; fires when the queue is a plain qmail queue."""
        if self._stopped is None:
            self._stopped = Deferred()
            self._life.stop()
        return self._stopped

    def on_draining(self) -> None:
        """lifecycle.Staff"""
        self.intake.is_closed = True
        self._todo.is_stopping = True
        self.manager.stop()
        self._look_whether_idle()

    def _look_whether_idle(self) -> None:
        manager = self.manager
        if manager.machine.is_idle() and not manager.busy and not self.intake.drafts and self._todo.is_idle():
            self._life.idle()
        else:
            self._drain_timer = self._reactor.callLater(DRAIN_LOOK_S, self._look_whether_idle)

    def on_idle(self) -> None:
        """lifecycle.Staff"""
        for loop in self._loops:
            if loop.running:
                loop.stop()
        if self._trigger is not None:
            self._reactor.removeReader(self._trigger_reader)
            self._trigger.close()
        waiting = [mail for mail in self.manager.mail.values() if isinstance(mail, JournalMail)]
        resting = self.disk.run(self._put_all_to_rest, waiting)
        resting.addErrback(self._restless).addCallback(lambda _: self._life.rested())

    def _put_all_to_rest(self, waiting: list[JournalMail]) -> None:
        """In the disk thread. Whatever fails, the journal is closed with all its marks, and stays if it is needed."""
        problem: OSError | None = None
        for start in range(0, len(waiting), REST_BATCH):
            batch = waiting[start : start + REST_BATCH]
            try:
                put_to_rest(self.layout, [mail.resting() for mail in batch])
            except OSError as error:
                problem = error
            else:
                for mail in batch:
                    self.journal.note(journal_records.moved(mail.number))
        self.journal.close()
        if problem is not None:
            raise problem
        self.journal.remove()

    def _restless(self, failure: Failure) -> None:
        self.telemetry.notice("alert", f"messages stay in the journal until the next start: {failure.value}")

    def on_stopped(self) -> None:
        """lifecycle.Staff"""
        self.disk.stop()
        self.spool.stop()
        self.telemetry.fact(Exiting())
        if self._stopped is not None:
            self._stopped.callback(None)
