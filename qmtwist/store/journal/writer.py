"""The group commit: one thread takes all that waits, writes it, syncs once, and then tells everybody.

No artificial delay: a batch forms while the last sync runs. An error of write or fdatasync poisons the segment; what
waited for it is refused, and nothing more is acknowledged until a fresh segment has been proved. An fsync is never
simply retried.
"""

from __future__ import annotations

import errno
import os
import secrets
import threading

from qmtwist.mail.errors import suppress
from qmtwist.mail.shapes import Callable, NamedTuple

from .records import MESSAGE, Draft, encode
from .segment import FIRST, Head, Segment, allocate

SEGMENT_BYTES = 16 * 1024 * 1024
SMALLEST_SEGMENT_BYTES = 512 * 1024
SPARES = 1


class Place(NamedTuple):
    """Where a record lies: its segment (held by a message until `release`) and the offset of the record."""

    segment: Segment
    offset: int


Settled = Callable[[Place | OSError], None]


class _Waiting(NamedTuple):
    draft: Draft
    settled: Settled | None  # None: a note that nobody waits for; it is written again if its batch fails


class Journal:
    """Made by the queue manager at start, closed by it at the end. `append` and `release` are called from the reactor
    thread; `settled` callbacks are handed to `notify` (callFromThread), one call for a whole batch."""

    def __init__(self, directory: str, notify: Callable[[Callable[[], None]], object], segment_bytes: int = 0) -> None:
        self._directory = directory
        self._notify = notify
        self._segment_bytes = segment_bytes or fitting_segment(directory)
        self._lock = threading.Condition()
        self._pending: list[_Waiting] = []
        self._flushes: list[Callable[[], None]] = []
        self._is_closing = False
        self._spares: list[Segment] = []
        self._sealed: list[Segment] = []
        self._active: Segment | None = None
        self._sequence = 0
        self._made = 0
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    # -- called from the reactor thread

    def start(self) -> None:
        """Allocate the first segments and start the thread. On a full disk they are made when one is needed: what is
        queued can be delivered meanwhile, which frees space.

        :raises OSError: the directory cannot be used.
        """
        try:
            self._active = self._fresh()
            self._spares.append(self._allocate())
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
        self._thread.start()

    def append(self, draft: Draft, settled: Settled) -> None:
        """Commit a record; `settled` gets its place when it is durable, or the error."""
        with self._lock:
            self._pending.append(_Waiting(draft, settled))
            self._lock.notify()

    def holds(self, draft: Draft) -> bool:
        """Whether a record fits into a segment at all."""
        return draft.size() <= self._segment_bytes - FIRST

    def note(self, draft: Draft) -> None:
        """Write a record with the next commit; losing it can only repeat a delivery."""
        with self._lock:
            self._pending.append(_Waiting(draft, None))

    def flush(self, then: Callable[[], None]) -> None:
        """Commit the notes that wait, now; `then` is called (by `notify`) when it was tried."""
        with self._lock:
            self._flushes.append(then)
            self._lock.notify()

    def release(self, segment: Segment) -> None:
        """A message in this segment has ended or moved. Full segments are retired with the next commit."""
        with self._lock:
            segment.holds -= 1

    def held_segments(self) -> list[Segment]:
        """Full segments that some message still holds, oldest first."""
        with self._lock:
            return list(self._sealed)

    def close(self) -> None:
        """Write what waits and stop the thread; the segments stay."""
        with self._lock:
            self._is_closing = True
            self._lock.notify()
        self._thread.join()

    def remove(self) -> None:
        """After `close`, when every message has ended or moved: remove all segments, the oldest first, for good."""
        active = [self._active] if self._active else []
        for segment in [*self._sealed, *active, *self._spares]:
            with suppress(OSError):
                segment.invalidate()
            segment.discard()
        self._sealed, self._spares, self._active = [], [], None

    # -- the writer thread

    def _run(self) -> None:
        while True:
            with self._lock:
                while not self._has_work() and not self._is_closing:
                    self._lock.wait()
                batch, self._pending = self._pending, []
                flushes, self._flushes = self._flushes, []
                is_last = self._is_closing
            settled = self._commit(batch)
            if settled or flushes:
                self._notify(lambda s=settled, f=flushes: _settle(s, f))  # type: ignore[misc]
            self._retire()
            if is_last:
                return

    def _has_work(self) -> bool:
        return bool(self._flushes) or any(waiting.settled for waiting in self._pending)

    def _commit(self, batch: list[_Waiting]) -> list[tuple[Settled, Place | OSError]]:
        results: list[tuple[Settled, Place | OSError]] = []
        start = 0
        while start < len(batch):
            try:
                segment = self._writable(batch[start].draft.size())
                start += self._write_some(segment, batch[start:], results)
            except OSError as error:
                self._fail(batch[start:], error, results)
                break
            except Exception as error:  # no memory, or a bug: the thread must go on, and nobody may wait for ever
                if self._active is not None:
                    self._poison(self._active, 0)
                self._fail(batch[start:], OSError(errno.ENOMEM, repr(error)), results)
                break
        return results

    def _write_some(
        self, segment: Segment, batch: list[_Waiting], results: list[tuple[Settled, Place | OSError]]
    ) -> int:
        """Write the records that fit into this segment, in one write and one sync; how many were dealt with."""
        room, key, pieces, places = segment.room(), segment.head.key, [], []
        offset = segment.used
        for waiting in batch:
            data = encode(waiting.draft, key)
            if len(data) > room:
                break
            pieces.append(data)
            places.append(offset)
            offset += len(data)
            room -= len(data)
        part = batch[: len(pieces)]
        holds = sum(waiting.draft.kind == MESSAGE for waiting in part)
        with self._lock:
            segment.holds += holds
        try:
            segment.write(b"".join(pieces))
        except OSError as error:
            self._poison(segment, holds)
            self._fail(part, error, results)
            return len(part)
        results += [(w.settled, Place(segment, at)) for w, at in zip(part, places, strict=True) if w.settled]
        return len(part)

    def _fail(self, batch: list[_Waiting], error: OSError, results: list[tuple[Settled, Place | OSError]]) -> None:
        """Refuse what somebody waits for; keep the notes for the next batch."""
        results += [(waiting.settled, error) for waiting in batch if waiting.settled]
        notes = [waiting for waiting in batch if waiting.settled is None]
        with self._lock:
            self._pending[:0] = notes

    def _poison(self, segment: Segment, holds: int) -> None:
        with self._lock:
            segment.is_poisoned = True
            segment.holds -= holds
            self._seal(segment)

    def _writable(self, size: int) -> Segment:
        """The active segment if the record fits, else the next one.

        :raises OSError: no segment can be had.
        """
        if size > self._segment_bytes - FIRST:
            raise OSError(errno.EFBIG, "record is larger than a journal segment")
        segment = self._active
        if segment is not None:
            if segment.room() >= size:
                return segment
            with self._lock:
                self._seal(segment)
        self._active = self._fresh()
        return self._active

    def _seal(self, segment: Segment) -> None:
        """Take a segment out of use (under the lock)."""
        self._active = None
        self._sealed.append(segment)

    def _retire(self) -> None:
        """Reuse or remove full segments that no message holds.

        Strictly in order: the end marks of an old segment's messages lie in younger ones, so a younger segment must
        outlive it. And durably: were the header of a removed segment to come back after a power cut, its messages
        would be delivered again.
        """
        while True:
            with self._lock:
                if not self._sealed or self._sealed[0].holds:
                    return
                segment = self._sealed.pop(0)
                is_wanted = not segment.is_poisoned and len(self._spares) < SPARES
            try:
                segment.invalidate()
            except OSError:
                is_wanted = False
            if is_wanted:
                with self._lock:
                    self._spares.append(segment)
            else:
                try:
                    segment.discard()
                except OSError:  # as long as it is there the younger ones stay, too; tried again after the next commit
                    with self._lock:
                        self._sealed.insert(0, segment)
                    return

    def _fresh(self) -> Segment:
        """A segment with a new key, proved by a write and a sync."""
        with self._lock:
            segment = self._spares.pop() if self._spares else None
        if segment is None:
            segment = self._allocate()
        self._sequence += 1
        try:
            segment.begin(Head(self._sequence, secrets.randbits(64)))
        except OSError:
            with suppress(OSError):  # its header says nothing yet, or is older than all others
                segment.discard()
            raise
        return segment

    def _allocate(self) -> Segment:
        self._made += 1
        return allocate(self._directory, f"{os.getpid()}.{self._made}", self._segment_bytes)


def _settle(settled: list[tuple[Settled, Place | OSError]], flushes: list[Callable[[], None]]) -> None:
    """Tell everybody. What one of them raises keeps no other from hearing; the first of it is raised afterwards."""
    calls = [lambda s=callback, r=result: s(r) for callback, result in settled] + flushes
    first: Exception | None = None
    for call in calls:
        try:
            call()
        except Exception as bug:
            first = first or bug
    if first is not None:
        raise first


def fitting_segment(directory: str) -> int:
    """Size of a segment: 16 MiB, less where the disk is small (a twentieth of what is free)."""
    status = os.statvfs(directory)
    share = status.f_bavail * status.f_frsize // 20 // 4096 * 4096
    return max(SMALLEST_SEGMENT_BYTES, min(SEGMENT_BYTES, share))
