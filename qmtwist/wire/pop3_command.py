"""POP3 command lines: cut from the stream, taken apart; numbers as qmail reads them. (RFC 1939 §3; qmail commands.c)"""

from __future__ import annotations

LINE_LIMIT_BYTES = 1000
_WORD = 1 << 64
_DIGITS = b"0123456789"


class CommandReader:
    """Cuts a stream into command lines: LF ends one, one CR before it is dropped. Keeps at most a line's limit.

    A longer line is thrown away as it comes and reported once, by `is_too_long`, when it ends.
    """

    __slots__ = ("_buffer", "_is_skipping", "_limit", "_seen", "is_too_long")

    def __init__(self, limit_bytes: int = LINE_LIMIT_BYTES) -> None:
        self._buffer = bytearray()
        self._limit = limit_bytes
        self._seen = 0  # bytes at the start of the buffer that hold no LF
        self._is_skipping = False
        self.is_too_long = False  # says of the line that next_line gave last

    def __len__(self) -> int:
        return len(self._buffer)

    def receive(self, data: bytes) -> None:
        """Take what was read."""
        self._buffer += data

    def next_line(self) -> bytes | None:
        """The next complete line without its end; None: it is not here yet."""
        buffer = self._buffer
        end = buffer.find(b"\n", self._seen)
        if end < 0:
            if len(buffer) > self._limit + 1:
                self._is_skipping = True
                buffer.clear()
            self._seen = len(buffer)
            return None
        line = bytes(buffer[: end - 1 if end and buffer[end - 1] == 13 else end])
        del buffer[: end + 1]
        self._seen = 0
        self.is_too_long = self._is_skipping or len(line) > self._limit
        self._is_skipping = False
        return line


def split_command(line: bytes) -> tuple[bytes, bytes]:
    """The verb, upper case, and its argument: blanks before it are skipped, blanks after it belong to it.

    >>> split_command(b"user  joe smith ")
    (b'USER', b'joe smith ')
    """
    verb, _, argument = line.partition(b" ")
    return verb.upper(), argument.lstrip(b" ")


def leading_number(text: bytes) -> tuple[int | None, bytes]:
    """The digits that a text begins with, as a number that wraps at 64 bits, and what follows them.

    >>> leading_number(b"12x"), leading_number(b"-1"), leading_number(b"18446744073709551617")
    ((12, b'x'), (None, b'-1'), (1, b''))
    """
    rest = text.lstrip(_DIGITS)
    digits = text[: len(text) - len(rest)]
    if not digits:
        return None, rest
    number = 0
    for start in range(0, len(digits), 18):  # piecewise: the wrapped value of many digits, in linear time
        part = digits[start : start + 18]
        number = (number * pow(10, len(part)) + int(part)) % _WORD
    return number, rest
