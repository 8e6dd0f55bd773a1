"""How messages leave motion: ended (with a bounce first, if one is due), or put to rest in queue files."""

from __future__ import annotations

from functools import partial

from twisted.python.failure import Failure

from qmtwist.logbook.facts import Bounced, MessageEnded, TripleBounce
from qmtwist.mail.errors import MailError
from qmtwist.rules.bounce import BounceStyle, addressee
from qmtwist.services.seams import Receipt
from qmtwist.store.durable import unlink_quietly
from qmtwist.store.journal import records as journal_records
from qmtwist.store.journal.writer import Place
from qmtwist.store.queue import bounces as bounce_notes
from qmtwist.store.queue.clean import remove
from qmtwist.store.queue.layout import Layout
from qmtwist.store.queue.rest import put_to_rest

from .bounces import Bounces
from .mail import FileMail, JournalMail, Mail
from .service import SLEEP_SYSFAIL_S, QueueManager

REST_BATCH = 256
OLD_SEGMENTS = 8  # more full segments than these, and the oldest is emptied


class Ending:
    """Made by `assemble`, beside the queue manager (service.Farewell)."""

    def __init__(self, manager: QueueManager, bounces: Bounces) -> None:
        self._manager = manager
        self._bounces = bounces
        self._waiting: list[JournalMail] = []
        self._is_resting = False

    def use(self, bounces: Bounces) -> None:
        """Inject bounces in another way from now on."""
        self._bounces = bounces

    # -- the end

    def finish(self, mail: Mail) -> None:
        """Every recipient is served: tell the sender of the failures, then end the message."""
        manager = self._manager
        mail.is_leaving = True
        try:
            notes = _paragraphs(mail)
        except OSError as error:
            self._bounce_trouble(mail, str(error))
            return
        if not notes:
            self._end(mail)
            return
        style = self._style()
        to = addressee(mail.sender, style)
        if to is None:
            manager.telemetry.fact(TripleBounce(mail.number))
            self._end(mail)
            return
        if manager.machine.is_stopping:
            return  # it rests with its notes, and the sender is told after the next start
        manager.busy += 1
        try:
            limit_bytes = manager.settings.bouncemax_bytes
            injected = partial(self._injected, mail)
            self._bounces.inject(mail, to, notes, style, manager.now(), limit_bytes, injected)
        except MailError as error:
            manager.step_done()
            self._bounce_trouble(mail, error.text)

    def _style(self) -> BounceStyle:
        settings = self._manager.settings
        return BounceStyle(settings.bouncefrom, settings.bouncehost, settings.doublebounceto, settings.doublebouncehost)

    def _injected(self, mail: Mail, result: Receipt | MailError) -> None:
        self._manager.step_done()
        if isinstance(result, MailError):
            self._bounce_trouble(mail, result.text)
            return
        self._manager.telemetry.fact(Bounced(mail.number, result.number))
        self._end(mail)

    def _bounce_trouble(self, mail: Mail, text: str) -> None:
        manager = self._manager
        manager.telemetry.notice("warning", "trouble injecting bounce message, will try later")
        manager.later(SLEEP_SYSFAIL_S, lambda: self.finish(mail))

    def _end(self, mail: Mail) -> None:
        manager = self._manager
        manager.telemetry.fact(MessageEnded(mail.number))
        if isinstance(mail, JournalMail):
            manager.note(journal_records.end(mail.number))
            manager.forget(mail)
            return
        self._remove(mail)

    def _remove(self, mail: Mail) -> None:
        manager = self._manager

        def removed(_: None) -> None:
            manager.step_done()
            manager.forget(mail)

        def trouble(failure: Failure) -> None:
            name = f"mess/{mail.number % 23}/{mail.number}"
            manager.telemetry.notice("warning", f"unable to clean up {name}, will try later: {failure.value}")
            manager.step_done()
            manager.later(SLEEP_SYSFAIL_S, lambda: self._remove(mail))

        manager.busy += 1
        manager.disk.run(_remove_files, manager.layout, mail.number).addCallbacks(removed, trouble)

    # -- rest

    def rest(self, mail: JournalMail) -> None:
        """Put it into queue files; many at once, and when they are durable the journal is told."""
        mail.is_leaving = True
        self._waiting.append(mail)
        if len(self._waiting) > REST_BATCH:  # its turn is far off
            self._manager.let_go(mail)
        self._rest_some()

    def _rest_some(self) -> None:
        if self._is_resting or not self._waiting:
            return
        batch, self._waiting = self._waiting[:REST_BATCH], self._waiting[REST_BATCH:]
        self._is_resting = True
        manager = self._manager
        manager.busy += 1
        manager.disk.run(lambda: put_to_rest(manager.layout, [mail.resting() for mail in batch])).addCallbacks(
            lambda _: self._rested(batch), lambda failure: self._restless(batch, failure)
        )

    def _rested(self, batch: list[JournalMail]) -> None:
        """They are durable in files; when the journal knows that, they are ordinary queue files."""
        manager = self._manager
        for mail in batch:
            manager.note(journal_records.moved(mail.number))
        manager.journal.flush(lambda: self._moved(batch))

    def _moved(self, batch: list[JournalMail]) -> None:
        manager = self._manager
        for mail in batch:
            manager.forget(mail)
            for channel, due in mail.retry_at.items():
                manager.machine.add(channel, mail.number, due)
        self._is_resting = False
        manager.step_done()
        self._rest_some()

    def _restless(self, batch: list[JournalMail], failure: Failure) -> None:
        """The disk refused: they stay in the journal and in memory, and are tried again from there."""
        manager = self._manager
        manager.telemetry.notice("warning", f"trouble putting messages into queue files: {failure.value}")
        for mail in batch:
            mail.is_leaving = False
            for channel, due in mail.retry_at.items():
                manager.machine.add(channel, mail.number, due)
            mail.retry_at.clear()
        self._is_resting = False
        manager.step_done()
        self._rest_some()

    # -- old segments

    def spare_old_segments(self) -> None:
        """Empty the oldest full segment, if there are many: what waits goes to files, what is in delivery is copied."""
        manager = self._manager
        held = manager.journal.held_segments()
        if len(held) <= OLD_SEGMENTS:
            return
        machine = manager.machine
        mails = [mail for mail in manager.mail.values() if isinstance(mail, JournalMail) and not mail.is_leaving]
        mails = [mail for mail in mails if mail.place.segment is held[0]]
        waiting = [mail.number for mail in mails if not machine.local.is_open(mail.number)]
        for closed in machine.remote.shelve(waiting):
            manager.closed(closed)
        for mail in mails:
            if machine.is_open(mail.number):
                self._copy(mail)
            elif not mail.is_leaving:
                self.rest(mail)

    def _copy(self, mail: JournalMail) -> None:
        """Write its records again, where they will live longer, and let go of the old place."""
        manager = self._manager
        try:
            first, *others = mail.copy_records()
        except OSError as error:
            manager.telemetry.notice("warning", f"trouble reading message {mail.number} in the journal: {error}")
            return

        def settled(result: Place | OSError) -> None:
            if isinstance(result, OSError):
                return  # it is tried again at the next look
            if manager.mail.get(mail.number) is not mail:  # it ended meanwhile, and has let go of the old place
                manager.journal.release(result.segment)
                return
            manager.journal.release(mail.place.segment)
            mail.content_at += result.offset - mail.place.offset
            mail.place = result

        manager.journal.append(first, settled)
        for draft in others:
            manager.note(draft)


def _paragraphs(mail: Mail) -> bytes:
    if isinstance(mail, FileMail):
        return mail.paragraphs()
    return b"".join(text for _, text in mail.paragraphs)


def _remove_files(layout: Layout, number: int) -> None:
    """The bounce note first, info next: without info the message is garbage, and cannot be delivered again."""
    bounce_notes.remove_notes(layout, number)
    unlink_quietly(layout.info(number))
    remove(layout, number)
