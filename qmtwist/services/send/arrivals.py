"""How messages come into motion: out of the journal's commits, and out of todo/. (intake.Arrivals)"""

from __future__ import annotations

from collections.abc import Callable

from qmtwist.logbook.facts import MessageInfo, NewMessage
from qmtwist.rules.routing import route
from qmtwist.store.journal.records import JournalMessage
from qmtwist.store.journal.writer import Place
from qmtwist.store.queue.layout import CHANNELS
from qmtwist.store.queue.preprocess import Preprocessed

from .mail import FileMail, JournalMail, Unreadable
from .service import QueueManager


class Arrivals:
    """Made by the queue, beside the manager."""

    def __init__(self, manager: QueueManager, wake_todo: Callable[[], None]) -> None:
        self._manager = manager
        self._wake_todo = wake_todo

    def arrived(self, entry: JournalMessage, place: Place, content_at: int) -> None:
        """A message is durable in the journal."""
        manager = self._manager
        routes = [route(recipient, manager.routes) for recipient in entry.envelope.recipients]
        mail = JournalMail(entry, place, content_at, routes)
        manager.take(mail)
        manager.telemetry.fact(NewMessage(mail.number))
        manager.telemetry.fact(MessageInfo(mail.number, mail.size, mail.sender, entry.qp, entry.uid))
        for channel in CHANNELS:
            if channel in mail.unfinished:
                manager.machine.add_fresh(channel, mail.number)
        if not routes:
            manager.finish(mail)
        manager.spare_old_segments()
        manager.pump_soon()

    def queued(self, number: int) -> None:
        """A message is in todo/."""
        self._wake_todo()

    def preprocessed(self, result: Preprocessed) -> None:
        """A message came out of todo/ and is in queue files."""
        for channel in result.channels:
            self._manager.machine.add_fresh(channel, result.number)
        if not result.channels:
            self.finish_file(result.number)
        self._manager.pump_soon()

    def finish_file(self, number: int) -> None:
        """A message in files has no recipient left."""
        manager = self._manager
        try:
            mail = FileMail(manager.layout, number)
        except FileNotFoundError:
            return
        except Unreadable as error:
            manager.telemetry.notice("warning", f"trouble reading info/{number % 23}/{number}: {error}")
            return
        manager.take(mail)
        manager.finish(mail)
