"""Log lines on their way out. They are gathered during a reactor turn and written by a thread of their own, so that a
slow log never holds up mail; what it does not take within the limit is dropped and counted, never waited for.
"""

from __future__ import annotations

import atexit
import functools
import os
import select
import threading
import time
from collections.abc import Callable
from typing import Protocol

GATHER_S = 0.005  # lines of so long are written together: waking a thread for each costs more than the writing
UNREAD_LIMIT_BYTES = 16 * 1024 * 1024
ERRORS_LIMIT_BYTES = 1024 * 1024
PATIENCE_S = 5.0


class Place(Protocol):
    """Where lines go. All of it is called by the writing thread, and may take its time."""

    def put(self, lines: list[bytes]) -> None:
        """Write them, each without its LF.

        :raises OSError: none of them counts as written.
        """

    def rotate(self) -> None:
        """Somebody wants a new file."""

    def close(self) -> None:
        """No more lines come."""


class Stream:
    """A descriptor, such as standard output. The first `skipped` bytes of every line are left out."""

    def __init__(self, descriptor: int, skipped: int = 0) -> None:
        self._descriptor, self._skipped = descriptor, skipped

    def put(self, lines: list[bytes]) -> None:
        """Write as the reader reads."""
        view = memoryview(b"".join(line[self._skipped :] + b"\n" for line in lines))
        while view:
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:  # somebody who shares the pipe has made it so
                select.select([], [self._descriptor], [])
            except OSError:
                return  # nobody reads any more; mail goes on

    def rotate(self) -> None:
        """Whoever reads keeps the files."""

    def close(self) -> None:
        """The descriptor is not ours alone."""


class LogWriter:
    """Lines to a place, by one thread. `lost` words how many were dropped. A writer that is held keeps lines until
    `begin`. `close` writes out the rest.
    """

    def __init__(
        self,
        place: Place,
        lost: Callable[[int], bytes],
        limit_bytes: int = UNREAD_LIMIT_BYTES,
        is_held: bool = False,
    ) -> None:
        self._place, self._lost, self._limit = place, lost, limit_bytes
        self._condition = threading.Condition()
        self._lines: list[bytes] = []
        self._size = 0
        self._dropped = 0
        self._must_rotate = self._is_hurried = self._is_closing = self._is_writing = False
        self._thread: threading.Thread | None = None
        if not is_held:
            self.begin()

    def use(self, place: Place) -> None:
        """Before `begin`: another place."""
        self._place = place

    def begin(self) -> None:
        """Write from now on; in this process, so not before twistd has put itself into the background."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="log", daemon=True)
            self._thread.start()

    def write(self, line: bytes) -> None:
        """Take a line (without its LF)."""
        with self._condition:
            if self._size > self._limit:
                self._dropped += 1
                return
            self._lines.append(line)
            self._size += len(line)
            if len(self._lines) == 1:
                self._condition.notify_all()

    def rotate(self) -> None:
        """Let the place begin a new file."""
        with self._condition:
            self._must_rotate = True
            self._condition.notify_all()

    def flush(self, patience_s: float = PATIENCE_S) -> None:
        """Wait until all is written, but no longer than that."""
        with self._condition:
            self._is_hurried = True
            self._condition.notify_all()
            self._condition.wait_for(lambda: not self._lines and not self._is_writing, patience_s)
            self._is_hurried = False

    def close(self, patience_s: float = PATIENCE_S) -> None:
        """Write what is left, unless the place does not take it for that long."""
        with self._condition:
            self._is_closing = True
            self._condition.notify_all()
        self.begin()
        if self._thread is not None:
            self._thread.join(patience_s)

    def _run(self) -> None:
        while self._turn():
            pass
        self._place.close()

    def _turn(self) -> bool:
        """Write what has come, once there is something; whether more may come."""
        with self._condition:
            self._condition.wait_for(lambda: self._lines or self._is_closing or self._must_rotate)
            is_hurried = self._is_closing or self._is_hurried
        if not is_hurried:
            time.sleep(GATHER_S)
        with self._condition:
            lines, self._lines, self._size = self._lines, [], 0
            dropped, self._dropped = self._dropped, 0
            must_rotate, self._must_rotate = self._must_rotate, False
            is_last = self._is_closing and not lines
            self._is_writing = True
        self._put([*lines, self._lost(dropped)] if dropped else lines, len(lines) + dropped, must_rotate)
        with self._condition:
            self._is_writing = False
            self._condition.notify_all()
        return not is_last

    def _put(self, lines: list[bytes], count: int, must_rotate: bool) -> None:
        try:
            if lines:
                self._place.put(lines)
            if must_rotate:
                self._place.rotate()
        except OSError:
            with self._condition:
                self._dropped += count


def words_of_loss(count: int) -> str:
    """What the log says where lines are missing."""
    return f"the log was not read in time: {count} lines were lost"


@functools.cache
def standard_error() -> LogWriter:
    """The one writer to standard error, which nobody may be reading either; at exit all is written."""
    lost: Callable[[int], bytes] = lambda count: b"warning: " + words_of_loss(count).encode()  # noqa: E731
    made = LogWriter(Stream(2), lost, ERRORS_LIMIT_BYTES)
    atexit.register(made.flush)
    return made


def to_stderr(line: bytes) -> None:
    """One line to standard error, some time soon."""
    standard_error().write(line)
