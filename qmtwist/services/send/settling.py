"""What a report leaves on disk: marks, and notes for the bounce."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from qmtwist.mail.outcome import Outcome, Verdict
from qmtwist.rules.bounce import paragraph
from qmtwist.rules.routing import without_prefix
from qmtwist.store.queue import bounces as bounce_notes

from .mail import FileMail, JournalMail, Mail
from .office import Office


class Settling:
    """Made by the queue manager."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def settle(self, mail: Mail, channel: str, outcomes: Iterable[tuple[int, Outcome]]) -> None:
        """Recipients (by index) of one message have been reported; who is deferred waits for the next pass."""
        served, failed, deferred = [], [], 0
        for recipient, (verdict, text) in outcomes:
            if verdict is Verdict.SUCCESS:
                served.append(recipient)
            elif verdict is Verdict.FAILURE:
                failed.append((recipient, self._note(mail.address(channel, recipient), text)))
            else:
                deferred += 1
        if deferred:
            self._settled(mail, channel, deferred, False)
        if isinstance(mail, JournalMail):
            self._in_journal(mail, channel, served, failed)
        elif served or failed:
            self._in_files(mail, channel, served, failed)

    def _note(self, recipient: bytes, text: bytes) -> bytes:
        return paragraph(without_prefix(recipient, self._office.routes), text)

    def _in_journal(
        self, mail: JournalMail, channel: str, served: Sequence[int], failed: Sequence[tuple[int, bytes]]
    ) -> None:
        office = self._office
        for recipient in served:
            mail.note_served(office.note, recipient)
        for recipient, note in failed:
            mail.note_failed(office.note, recipient, note)
        self._settled(mail, channel, len(served) + len(failed), True)

    def _in_files(
        self, mail: FileMail, channel: str, served: Sequence[int], failed: Sequence[tuple[int, bytes]]
    ) -> None:
        """The bounce note is on disk before the recipient is marked done."""
        office = self._office

        def write() -> None:
            self._mark(mail, channel, served)
            if failed:
                bounce_notes.append_note(office.layout, mail.number, b"".join(note for _, note in failed))
                self._mark(mail, channel, [recipient for recipient, _ in failed])

        def trouble(failure: object) -> None:
            text = f"unable to append to bounce message, will try again later: {failure}"
            office.telemetry.notice("alert", text)
            office.step_done()
            self._settled(mail, channel, len(served), True)
            self._settled(mail, channel, len(failed), False)

        def written(_: None) -> None:
            office.step_done()
            self._settled(mail, channel, len(served) + len(failed), True)

        office.busy += 1
        office.disk.run(write).addCallbacks(written, trouble)

    def _mark(self, mail: FileMail, channel: str, recipients: Iterable[int]) -> None:
        """In the disk thread."""
        for recipient in recipients:
            try:
                mail.mark(channel, recipient)
            except OSError:
                name = f"{channel}/{mail.number % 23}/{mail.number}"
                text = f"trouble marking {name}; message will be delivered twice!"
                self._office.telemetry.notice("warning", text)

    def _settled(self, mail: Mail, channel: str, count: int, is_served: bool) -> None:
        office = self._office
        for _ in range(count):
            closed = office.machine.settled(channel, mail.number, is_served)
            if closed is not None:
                office.closed(closed)
