"""Failures into a bounce: queued durably before its cause is removed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import chain

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import MailError, Temporary
from qmtwist.rules.bounce import LOST, TRUNCATED, BounceStyle, BounceTo, bounce_head
from qmtwist.rules.lists.oneclick import START_BYTES, without_mark
from qmtwist.services.seams import Intake, Origin, Receipt

from .mail import FileMail, JournalMail, Mail

PIECE_BYTES = 65536


class Bounces:
    """Made by the queue manager; words and injects the bounce of one message at a time."""

    def __init__(self, intake: Intake, origin: Origin) -> None:
        self._intake = intake
        self._origin = origin

    def inject(
        self,
        mail: Mail,
        to: BounceTo,
        paragraphs: bytes,
        style: BounceStyle,
        now: int,
        limit_bytes: int,
        done: Callable[[Receipt | MailError], None],
    ) -> None:
        """Queue the bounce, with so much of the message; `done` hears of it once, perhaps at once.

        :raises MailError: the queue takes nothing now; `done` is not called.
        """
        head = bounce_head(mail.sender, to, paragraphs, style, now)
        Injection(self._intake, self._origin, mail, to, limit_bytes, done).begin(head)


class Injection:
    """One bounce on its way; lives until `done` was called."""

    def __init__(
        self,
        intake: Intake,
        origin: Origin,
        mail: Mail,
        to: BounceTo,
        limit_bytes: int,
        done: Callable[[Receipt | MailError], None],
    ) -> None:
        self._draft = intake.open(origin, self._go_on)
        self._pieces: Iterator[bytes] | None = None
        self._mail = mail
        self._to = to
        self._limit_bytes = limit_bytes
        self._done = done

    def begin(self, head: bytes) -> None:
        """Write the head, then the copy as fast as the queue takes it."""
        self._pieces = chain((head,), self._copy())
        self._go_on()

    def _go_on(self) -> None:
        if self._pieces is None:
            return
        try:
            for piece in self._pieces:
                if not self._draft.write(piece):
                    return  # we are called again when the disk has caught up
        except OSError as error:
            self._pieces = None
            self._draft.abandon()
            self._done(Temporary(f"unable to read message: {error}", "4.3.0"))
            return
        self._pieces = None
        self._draft.commit(Envelope(self._to.sender, (self._to.recipient,)), self._done)

    def _copy(self) -> Iterator[bytes]:
        if isinstance(self._mail, JournalMail):
            content = without_mark(self._mail.read())
            yield content[: self._limit_bytes]
            if len(content) > self._limit_bytes:
                yield TRUNCATED
        else:
            yield from copy_of_file(self._mail, self._limit_bytes)


def copy_of_file(mail: FileMail, limit_bytes: int) -> Iterator[bytes]:
    """The message in pieces, cut at the limit with a line that says so; a line alone when there is no file any more.

    :raises OSError: it cannot be read.
    """
    try:
        descriptor = mail.open_message()
    except FileNotFoundError:
        yield LOST
        return
    with open(descriptor, "rb", buffering=0) as stream:
        is_cut = os.fstat(stream.fileno()).st_size > limit_bytes
        left = limit_bytes
        start = without_mark(stream.read(START_BYTES))[:left]
        left -= len(start)
        if start:
            yield start
        while left > 0 and (piece := stream.read(min(PIECE_BYTES, left))):
            left -= len(piece)
            yield piece
    if is_cut:
        yield TRUNCATED
