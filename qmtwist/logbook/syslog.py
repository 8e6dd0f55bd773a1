"""Lines of a log as the system log takes them. (qmail splogger)"""

from __future__ import annotations

from qmtwist.mail.shapes import Callable, NamedTuple

PART_BYTES = 799  # of a line are one entry; the rest goes on in others
MAIL = 2
ALERT, WARNING, INFO = 1, 4, 6
_PRINTABLE = bytes(byte if 32 <= byte <= 126 else ord("?") for byte in range(256))


class Entry(NamedTuple):
    """One entry: its level (alert, warning or info), and its text in printable ASCII."""

    level: int
    text: bytes


class Lines:
    """A stream of lines, cut into entries. `clock` gives the time in microseconds, when an entry begins."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._part = bytearray()
        self._time_us = 0
        self._level = INFO
        self._is_continued = False

    def receive(self, data: bytes) -> list[Entry]:
        """The entries that are complete now."""
        entries: list[Entry] = []
        *lines, last = data.split(b"\n")
        for line in lines:
            self._add(line, entries)
            self._finish(entries)
            self._is_continued = False
        self._add(last, entries)
        return entries

    def end(self) -> list[Entry]:
        """The rest, when the stream has ended within a line."""
        entries: list[Entry] = []
        self._finish(entries)
        return entries

    def _add(self, text: bytes, entries: list[Entry]) -> None:
        while text:
            if not self._part:
                self._time_us = self._clock()
            room = PART_BYTES - len(self._part)
            self._part += text[:room]
            text = text[room:]
            if len(self._part) == PART_BYTES:
                self._finish(entries)
                self._is_continued = True

    def _finish(self, entries: list[Entry]) -> None:
        part, self._part = bytes(self._part), bytearray()
        if not part:
            return
        if not self._is_continued:
            self._level = level_of(part)
        mark = b"+" if self._is_continued else b" "
        words = (*divmod(self._time_us, 10**6), mark, part.translate(_PRINTABLE))
        entries.append(Entry(self._level, b"%d.%06d%s%s" % words))


def level_of(line: bytes) -> int:
    """How urgent a line is, by its first word.

    >>> level_of(b"warning: trouble opening mess/1/1"), level_of(b"status: exiting")
    (4, 6)
    """
    if line.startswith(b"alert:"):
        return ALERT
    return WARNING if line.startswith(b"warning:") else INFO


def packet(facility: int, entry: Entry, tag: bytes, when: bytes) -> bytes:
    """What the log's socket takes; `when` is local time like `Nov  1 05:13:49`. (RFC 3164 §4.1)

    >>> packet(MAIL, Entry(INFO, b"1.000000 new msg 7"), b"qmail", b"Nov  1 05:13:49")
    b'<22>Nov  1 05:13:49 qmail: 1.000000 new msg 7'
    """
    return b"<%d>%s %s: %s" % (facility << 3 | entry.level, when, tag, entry.text)
