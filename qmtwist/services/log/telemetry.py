"""Facts to the log: what the services report, worded as text or JSON."""

from __future__ import annotations

import json
from collections.abc import Callable

from qmtwist.logbook.facts import Fact, Notice
from qmtwist.logbook.lines import word


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
        self._sink(self.worded(fact))

    def worded(self, fact: Fact) -> bytes:
        """The line of a fact."""
        return self._json(fact) if self._is_json else word(fact)

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
