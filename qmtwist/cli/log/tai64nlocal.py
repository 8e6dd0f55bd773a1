"""tai64nlocal - turn precise times into local date and time

    tai64nlocal

Copies standard input to standard output. A TAI64N stamp at the beginning of a line, as multilog and tai64n write it,
becomes `YYYY-MM-DD HH:MM:SS.NNNNNNNNN` in local time; everything else stays as it is, and so does a stamp that no
calendar knows.

    tail -f /var/log/qmail/current | tai64nlocal

ENVIRONMENT

TZ is the time zone, if it is not the one of this machine.

Exit status: 0 at the end of the input; 111 if it cannot be read or the output cannot be written.

See also: tai64n, tai64nfrac, multilog
"""

from __future__ import annotations

import time

from qmtwist.agents import filtering
from qmtwist.logbook import tai64


class _Calendar:
    """Local dates, with the last one remembered: a log has many lines of one second."""

    def __init__(self) -> None:
        self._seconds, self._date = 0, _date(0)

    def words(self, seconds: int, nanoseconds: int) -> bytes | None:
        if seconds != self._seconds:
            self._seconds, self._date = seconds, _date(seconds)
        return None if self._date is None else b"%s.%09d" % (self._date, nanoseconds)


def _date(seconds: int) -> bytes | None:
    try:
        local = time.localtime(seconds)
    except (OverflowError, OSError, ValueError):
        return None
    return None if local.tm_year < 0 else b"%d-%02d-%02d %02d:%02d:%02d" % local[:6]


def main(arguments: list[bytes], home: str) -> int:
    """Translate until the input ends."""
    lines = tai64.Translation(_Calendar().words)
    return filtering.run(lines.receive, lines.end)
