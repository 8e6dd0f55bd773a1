"""TAI64N: instants as log lines and status files have them. (http://cr.yp.to/libtai/tai64.html)

A label counts seconds from 2^62; between it and POSIX time lie ten seconds, the difference of TAI and UTC in 1970.
Leap seconds since then are not counted, as nobody who writes or reads these logs counts them.
"""

from __future__ import annotations

from qmtwist.mail.shapes import Callable

OFFSET_S = (1 << 62) + 10
PACKED_BYTES = 12
SECOND_NS = 10**9
_DIGITS = 24
_HEX = b"0123456789abcdef"
_HELD_DIGITS = 4096  # of a stamp that has not ended: more are none

Words = Callable[[int, int], "bytes | None"]
"""What stands for an instant of POSIX seconds and nanoseconds; None: this one has no words."""


def stamp(now_ns: int) -> bytes:
    """An instant in nanoseconds since 1970 as it begins a line: `@` and 24 digits.

    >>> stamp(1013407030_016461500)
    b'@400000003c675d4000fb2ebc'
    """
    seconds, nanoseconds = divmod(now_ns, SECOND_NS)
    return b"@%016x%08x" % (seconds + OFFSET_S, nanoseconds)


def pack(now_ns: int) -> bytes:
    """The same in 12 bytes, as a status file has it."""
    seconds, nanoseconds = divmod(now_ns, SECOND_NS)
    return (seconds + OFFSET_S).to_bytes(8, "big") + nanoseconds.to_bytes(4, "big")


def unpack(data: bytes) -> int:
    """Nanoseconds since 1970 from 12 bytes."""
    return (int.from_bytes(data[:8], "big") - OFFSET_S) * SECOND_NS + int.from_bytes(data[8:12], "big")


def split(line: bytes) -> tuple[int, int, bytes] | None:
    """POSIX seconds and nanoseconds of the stamp that begins a line, and what follows it; None: none does.

    Of more than 24 digits the last ones count. Other letters than small ones are no digits.

    >>> split(b"@400000003c675d4000fb2ebc hello")
    (1013407030, 16461500, b' hello')
    """
    if line[:1] != b"@":
        return None
    rest = line[1:].lstrip(_HEX)
    digits = line[1 : len(line) - len(rest)][-_DIGITS:]
    if not digits:
        return None
    number = int(digits, 16)
    return (number >> 32) - OFFSET_S, number & 0xFFFFFFFF, rest


class Translation:
    """A stream in which stamps at the beginnings of lines become other words; all else stays, however it is cut."""

    __slots__ = ("_held", "_is_inside", "_words")

    def __init__(self, words: Words) -> None:
        self._words = words
        self._held = b""
        self._is_inside = False  # of a line whose beginning has been passed on

    def receive(self, data: bytes) -> bytes:
        """What can be passed on: all but a stamp at the end that may go on."""
        lines = (self._held + data).split(b"\n")
        self._held = b""
        first = 1 if self._is_inside else 0
        last = lines[-1]
        for number in range(first, len(lines) - 1):
            lines[number] = self._translate(lines[number])
        if len(lines) > 1 or not first:
            self._is_inside = last != b""
            if last[:1] == b"@" and len(last) <= _HELD_DIGITS and not last[1:].strip(_HEX):
                lines[-1], self._held, self._is_inside = b"", last, False
            else:
                lines[-1] = self._translate(last)
        return b"\n".join(lines)

    def end(self) -> bytes:
        """What is left at the end of the stream."""
        held, self._held = self._held, b""
        return self._translate(held)

    def _translate(self, line: bytes) -> bytes:
        if line[:1] != b"@":
            return line
        found = split(line)
        words = self._words(found[0], found[1]) if found else None
        return line if found is None or words is None else words + found[2]


class Prefixing:
    """A stream that gets words before every line, at the moment of its first byte."""

    __slots__ = ("_is_inside",)

    def __init__(self) -> None:
        self._is_inside = False

    def receive(self, data: bytes, prefix: Callable[[], bytes]) -> bytes:
        """The piece with `prefix()` before each line that begins in it."""
        lines = data.split(b"\n")
        last = lines.pop()
        out = []
        for line in lines:
            out += [line, b"\n"] if self._is_inside else [prefix(), line, b"\n"]
            self._is_inside = False
        if last:
            out += [last] if self._is_inside else [prefix(), last]
            self._is_inside = True
        return b"".join(out)


def fraction(seconds: int, nanoseconds: int) -> bytes | None:
    """The words that matchup reads: seconds with nine decimals.

    >>> fraction(928424123, 963558)
    b'928424123.000963558'
    """
    return b"%d.%09d" % (seconds, nanoseconds) if seconds >= 0 else None
