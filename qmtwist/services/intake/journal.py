"""Where messages come in: into the journal, or above its limit straight into queue files, by qmail's steps."""

from __future__ import annotations

import errno
import os
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from twisted.logger import Logger
from twisted.python.failure import Failure

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import MailError, Temporary
from qmtwist.mail.trace import queue_received
from qmtwist.services.disk import Disk
from qmtwist.services.seams import Committed, Origin, Receipt
from qmtwist.store.journal.records import JournalMessage, content_offset, message
from qmtwist.store.journal.writer import Journal, Place
from qmtwist.store.queue import accept
from qmtwist.store.queue.layout import Layout
from qmtwist.wire.envelope import with_extra
from qmtwist.wire.text0 import TodoEntry

LOW_WATER_INODES = 64  # the same; what is deferred needs five files
SPOOL_AHEAD_BYTES = 512 * 1024  # what a client may send before the disk has taken it
SPOOL_THREADS = 8

_log = Logger()

DISK_FULL = "qq write error or disk full (#4.3.0)"


class Arrivals(Protocol):
    """Who takes over a message that has become durable: the queue manager."""

    def arrived(self, entry: JournalMessage, place: Place, content_at: int) -> None:
        """It is in the journal, its content at this offset of the segment."""

    def queued(self, number: int) -> None:
        """It is in todo/."""


class JournalIntake:
    """The ordinary way in. Made by `assemble`; `number` gives a new message number each time."""

    def __init__(
        self,
        journal: Journal,
        layout: Layout,
        spool: Disk,
        number: Callable[[], int],
        arrivals: Arrivals,
        journalmax_bytes: int,
        minfree_bytes: int,
    ) -> None:
        self.journal = journal
        self.layout = layout
        self.spool = spool
        self.arrivals = arrivals
        self.journalmax_bytes = journalmax_bytes
        self.minfree_bytes = minfree_bytes
        self.extra: tuple[bytes, ...] = ()  # who gets a copy of every message (control/queueextra)
        self.is_closed = False
        self.drafts = 0  # begun and not ended
        self._number = number
        self._looked = 0.0
        self._has_room = True

    def open(self, origin: Origin, on_drain: Callable[[], None]) -> JournalDraft:
        """Begin a message; our own Received line is on top already.

        :raises Temporary: the disk is nearly full, or the server is stopping.
        """
        if self.is_closed:
            raise Temporary("qq trouble in home directory (#4.3.0)", "4.3.2")
        if not self._room():
            raise Temporary(DISK_FULL, "4.3.1")
        try:
            number = self._number()
        except OSError as error:
            raise refusal(error) from error
        self.drafts += 1
        return JournalDraft(self, number, origin, on_drain)

    def _room(self) -> bool:
        now = time.monotonic()
        if now - self._looked > 1:
            self._looked = now
            try:
                status = os.statvfs(self.layout.queue)
                has_bytes = status.f_bavail * status.f_frsize >= self.minfree_bytes
                has_inodes = status.f_favail >= LOW_WATER_INODES or not status.f_files  # btrfs counts none
                self._has_room = has_bytes and has_inodes
            except OSError:
                self._has_room = False
        return self._has_room


class JournalDraft:
    """One message on its way in (seams.Draft)."""

    __slots__ = ("_acceptance", "_ahead", "_birth", "_chunks", "_done", "_intake", "_is_busy",
                 "_is_given_up", "_on_drain", "_origin", "_problem", "_qp", "_size", "_works", "number")  # fmt: skip

    def __init__(self, intake: JournalIntake, number: int, origin: Origin, on_drain: Callable[[], None]) -> None:
        self.number = number
        self._intake = intake
        self._origin = origin
        self._qp = origin.qp or number
        self._on_drain = on_drain
        self._birth = int(time.time())
        received = queue_received(self._qp, origin.who, self._birth)
        self._chunks: list[bytes] = [received]
        self._size = len(received)
        self._acceptance: accept.Acceptance | None = None
        self._works: deque[tuple[Callable[[], None], int]] | None = None  # (step, its bytes): the way into files
        self._is_busy = False
        self._ahead = 0
        self._problem: MailError | None = None
        self._done: Committed | None = None
        self._is_given_up = False

    def write(self, data: bytes) -> bool:
        """Take a piece; False: wait for on_drain."""
        self._size += len(data)
        if self._works is None:
            self._chunks.append(data)
            if self._size <= self._intake.journalmax_bytes:
                return True
            self._go_by_files()
        else:
            self._spool(data)
        return self._ahead <= SPOOL_AHEAD_BYTES

    def commit(self, envelope: Envelope, done: Committed) -> None:
        """Make it durable, then tell."""
        self._commit(with_extra(envelope, self._intake.extra), done)

    def _commit(self, envelope: Envelope, done: Committed) -> None:
        self._done = done
        if self._works is not None:
            self._works.append((lambda: self._finish(envelope), 0))
            self._work()
            return
        content = b"".join(self._chunks)
        entry = JournalMessage(self.number, self._origin.uid, self._qp, self._birth, envelope, content)
        draft = message(entry)
        if not self._intake.journal.holds(draft):
            self._go_by_files()
            self._commit(envelope, done)
            return
        self._chunks = []
        offset = content_offset(draft)

        def settled(result: Place | OSError) -> None:
            if isinstance(result, OSError):
                self._tell(refusal(result))
                return
            self._intake.drafts += 1  # who is told may stop the server at once: it waits until the queue has it
            try:
                self._tell(Receipt(self.number))
            finally:  # it is durable, whatever becomes of the session
                self._intake.arrivals.arrived(entry, result, result.offset + offset)
                self._intake.drafts -= 1

        self._intake.journal.append(draft, settled)

    def abandon(self) -> None:
        """Forget it."""
        self._is_given_up = True
        self._chunks = []
        if self._works is not None:
            self._works.clear()
            self._works.append((self._discard, 0))
            self._work()
        else:
            self._intake.drafts -= 1

    def _tell(self, result: Receipt | MailError) -> None:
        self._intake.drafts -= 1
        done, self._done = self._done, None
        if done is not None:
            done(result)

    # -- a large message: one work after the other, in a thread

    def _go_by_files(self) -> None:
        self._works = deque([(self._begin, 0)])
        data, self._chunks = b"".join(self._chunks[1:]), []  # the first is our own line, which _begin writes
        self._spool(data)

    def _spool(self, data: bytes) -> None:
        assert self._works is not None
        self._ahead += len(data)
        self._works.append((lambda: self._put(data), len(data)))
        self._work()

    def _work(self) -> None:
        works = self._works
        if works is None or self._is_busy or not works:
            return
        self._is_busy = True
        step, size = works.popleft()
        self._intake.spool.run(step).addErrback(self._failed).addCallback(self._worked, size)

    def _worked(self, _: object, size: int) -> None:
        self._is_busy = False
        self._ahead -= size
        if self._is_given_up and self._acceptance is None and not self._works:
            self._intake.drafts -= 1
        elif self._done is not None and not self._works:
            self._tell(self._problem or Receipt(self.number))
            if self._problem is None:
                self._intake.arrivals.queued(self.number)
        elif self._works:
            self._work()
        elif self._ahead == 0:
            self._on_drain()

    def _failed(self, failure: Failure) -> None:
        """A bug or a refusal: nothing is acknowledged."""
        error = failure.value
        if isinstance(error, accept.AcceptError):
            self._problem = refusal(error.cause)
            return
        _log.failure("accepting message {number}", failure, number=self.number)
        self._problem = refusal(OSError(errno.EIO, str(error)))

    def _begin(self) -> None:
        qp, who, birth = self._qp, self._origin.who, self._birth
        self._acceptance = accept.begin(self._intake.layout, lambda _: queue_received(qp, who, birth), self.number)

    def _put(self, data: bytes) -> None:
        if self._problem is None and self._acceptance is not None:
            self._acceptance.write(data)

    def _finish(self, envelope: Envelope) -> None:
        if self._problem is not None or self._acceptance is None:
            self._discard()
            return
        try:
            self._acceptance.commit(TodoEntry(self._origin.uid, self._qp, envelope))
        except BaseException:
            self._discard()
            raise

    def _discard(self) -> None:
        acceptance, self._acceptance = self._acceptance, None
        if acceptance is not None:
            acceptance.abandon()


def refusal(error: OSError) -> Temporary:
    """What a client is told when the disk refused."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return Temporary(DISK_FULL, "4.3.1")
    return Temporary("qq write error or disk full (#4.3.0)", "4.3.0")
