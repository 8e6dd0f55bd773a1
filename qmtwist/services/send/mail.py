"""A message in motion, in its two forms: in the journal, or in queue files. The queue manager treats both alike."""

from __future__ import annotations

import os
from collections.abc import Callable

from qmtwist.mail.errors import Malformed
from qmtwist.rules.routing import Route
from qmtwist.store import durable
from qmtwist.store.journal import records as journal_records
from qmtwist.store.journal.records import JournalMessage
from qmtwist.store.journal.writer import Place
from qmtwist.store.queue import records
from qmtwist.store.queue.layout import CHANNELS, Layout
from qmtwist.store.queue.rest import Resting
from qmtwist.wire.queuelist import ListedRecipient

Note = Callable[[journal_records.Draft], None]


class JournalMail:
    """A message whose home is the journal: made when it has become durable there."""

    __slots__ = ("birth", "content", "content_at", "entry", "is_leaving", "number", "paragraphs", "place",
                 "recipients", "retry_at", "sender", "served", "size", "unfinished")  # fmt: skip

    def __init__(self, entry: JournalMessage, place: Place, content_at: int, routes: list[Route]) -> None:
        self.number = entry.number
        self.sender = entry.envelope.sender
        self.birth = entry.birth
        self.size = len(entry.content)
        self.content: bytes | None = entry.content
        self.entry = entry._replace(content=b"")
        self.place = place
        self.content_at = content_at
        self.recipients = routes
        self.served: set[int] = set()
        self.paragraphs: list[tuple[int, bytes]] = []
        self.unfinished = {route.channel for route in routes}
        self.retry_at: dict[str, int] = {}
        self.is_leaving = False  # on its way into queue files, or out of the queue

    def left(self, channel: str) -> list[int]:
        """The indexes of this channel's recipients that are not served."""
        return [at for at, route in enumerate(self.recipients) if route.channel == channel and at not in self.served]

    def address(self, channel: str, recipient: int) -> bytes:
        """The recipient as the channel sees it."""
        return self.recipients[recipient].recipient

    def read(self) -> bytes:
        """The message, from memory or from the journal.

        :raises OSError: the journal cannot be read.
        """
        content = self.content  # once: another thread may let go of it
        if content is not None:
            return content
        return self.place.segment.read(self.content_at, self.size)

    def resting(self) -> Resting:
        """How it is written to queue files."""
        marks = [(at in self.served, route) for at, route in enumerate(self.recipients)]
        channels = {
            name: [(is_done, route.recipient) for is_done, route in marks if route.channel == name] for name in CHANNELS
        }
        return Resting(
            self.number,
            self.birth,
            self.sender,
            self.read(),
            channels["local"],
            channels["remote"],
            self.retry_at.get("local", self.birth),
            self.retry_at.get("remote", self.birth),
            b"".join(text for _, text in self.paragraphs),
        )

    def listed(self) -> list[ListedRecipient]:
        """Its recipients for qmail-qread."""
        return [
            ListedRecipient(route.channel.encode(), at in self.served, route.recipient)
            for at, route in enumerate(self.recipients)
        ]

    def copy_records(self) -> list[journal_records.Draft]:
        """Everything the journal has to know of it, to be written again where it will live longer."""
        entry = self.entry._replace(content=self.read())
        drafts = [journal_records.message(entry)]
        drafts += [journal_records.done(self.number, at) for at in self.served]
        drafts += [journal_records.failed(self.number, at, text) for at, text in self.paragraphs]
        return drafts

    def note_served(self, note: Note, recipient: int) -> None:
        """This recipient needs no further delivery."""
        self.served.add(recipient)
        if len(self.recipients) > 1:  # a single one is covered by the end mark
            note(journal_records.done(self.number, recipient))

    def note_failed(self, note: Note, recipient: int, paragraph: bytes) -> None:
        """This recipient failed for good."""
        self.served.add(recipient)
        self.paragraphs.append((recipient, paragraph))
        note(journal_records.failed(self.number, recipient, paragraph))


class FileMail:
    """A message whose home is queue files: made when a pass opens it, forgotten when no pass has it open."""

    __slots__ = ("birth", "is_leaving", "layout", "number", "recipients", "sender")

    def __init__(self, layout: Layout, number: int) -> None:
        """:raises OSError: no info file, or unreadable. :raises Malformed: damaged."""
        self.layout = layout
        self.number = number
        self.sender, self.birth = records.read_info(layout, number)
        self.recipients: dict[str, list[records.Recipient]] = {}
        self.is_leaving = False

    def left(self, channel: str) -> list[int]:
        """Read the channel's file: the indexes of recipients that are not served.

        :raises OSError: unreadable. :raises Malformed: damaged.
        """
        found = records.read_recipients(self.layout, channel, self.number) or []
        self.recipients[channel] = found
        return [at for at, recipient in enumerate(found) if not recipient.is_done]

    def address(self, channel: str, recipient: int) -> bytes:
        """The recipient as the channel sees it."""
        return self.recipients[channel][recipient].address

    def open_message(self) -> int:
        """A descriptor of the message.

        :raises OSError: it cannot be opened.
        """
        return os.open(self.layout.mess(self.number), os.O_RDONLY | os.O_CLOEXEC)

    def mark(self, channel: str, recipient: int) -> None:
        """This recipient needs no further delivery.

        :raises OSError: the mark could not be written; the recipient will be served twice.
        """
        records.mark_done(self.layout, channel, self.number, self.recipients[channel][recipient].offset)

    def paragraphs(self) -> bytes:
        """The failures gathered for the bounce."""
        try:
            return durable.read(self.layout.bounce(self.number))
        except FileNotFoundError:
            return b""

    def finish_channel(self, channel: str) -> bool:
        """Remove the channel's file; whether every channel is finished now.

        :raises OSError: it cannot be removed.
        """
        durable.unlink_quietly(self.layout.channel(channel, self.number))
        return not any(os.path.exists(self.layout.channel(name, self.number)) for name in CHANNELS)


Mail = JournalMail | FileMail
Unreadable = (OSError, Malformed)
