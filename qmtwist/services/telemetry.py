"""Facts to the log. Lines are gathered during a reactor turn and written by a thread of their own, so that a slow log
reader never holds up mail; what it does not read within the limit is dropped and counted, never waited for.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import threading
import time
from collections.abc import Callable

from qmtwist.logbook.facts import Fact, Notice
from qmtwist.logbook.lines import word

GATHER_S = 0.005  # lines of so long are written together: waking a thread for each costs more than the writing
UNREAD_LIMIT_BYTES = 16 * 1024 * 1024


class LogPipe:
    """A descriptor that lines are written to, by one thread. Made at start; `close` writes out the rest."""

    def __init__(self, descriptor: int, limit_bytes: int = UNREAD_LIMIT_BYTES) -> None:
        self._descriptor = descriptor
        self._limit = limit_bytes
        self._condition = threading.Condition()
        self._lines: list[bytes] = []
        self._size = 0
        self._dropped = 0
        self._is_closing = False
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
                self._condition.notify()

    def close(self, patience_s: float = 5.0) -> None:
        """Write what is left, unless the reader does not read for that long."""
        with self._condition:
            self._is_closing = True
            self._condition.notify()
        self._thread.join(patience_s)

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._lines and not self._is_closing:
                    self._condition.wait()
                is_hurried = self._is_closing
            if not is_hurried:
                time.sleep(GATHER_S)
            with self._condition:
                lines, self._lines, self._size = self._lines, [], 0
                dropped, self._dropped = self._dropped, 0
                is_last = self._is_closing and not lines
            if dropped:
                lines.append(b"warning: log reader too slow, %d lines dropped" % dropped)
            if lines:
                self._put(b"\n".join(lines) + b"\n")
            if is_last:
                return

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:  # somebody who shares the pipe has made it so
                select.select([], [self._descriptor], [])
            except OSError:
                return  # nobody reads any more; mail goes on


def to_stderr(line: bytes) -> None:
    """One line to standard error; nobody may be reading it."""
    with contextlib.suppress(OSError):
        os.write(2, line + b"\n")


class Telemetry:
    """What all services report to. `sink` takes one line without its LF; `aside`, if given, takes what qmail's own
    programs would not have said, so that a log for them holds their lines alone.
    """

    def __init__(
        self,
        sink: Callable[[bytes], None],
        is_json: bool,
        clock: Callable[[], float],
        aside: Callable[[bytes], None] | None = None,
    ) -> None:
        self._sink = sink
        self._aside = aside
        self._is_json = is_json
        self._clock = clock

    def fact(self, fact: Fact) -> None:
        """Something happened in the queue manager."""
        self._sink(self._json(fact) if self._is_json else word(fact))

    def line(self, line: bytes) -> None:
        """A line that another service has worded."""
        if self._is_json:
            line = self._object({"event": "Line", "text": line.decode("utf-8", "backslashreplace")})
        self._sink(line)

    def notice(self, level: str, text: str) -> None:
        """A warning, an alert, or (level empty) a plain remark."""
        self.fact(Notice(level, text))

    def remark(self, level: str, text: str) -> None:
        """A notice that qmail-log(5) does not know."""
        if self._aside is None:
            self.notice(level, text)
        else:
            self._aside(word(Notice(level, text)))

    def _json(self, fact: Fact) -> bytes:
        values = {
            name: value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
            for name, value in fact._asdict().items()
        }
        return self._object({"event": type(fact).__name__, **values})

    def _object(self, values: dict[str, object]) -> bytes:
        return json.dumps({"time": round(self._clock(), 6), **values}, ensure_ascii=False).encode()
