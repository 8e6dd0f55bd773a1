"""The header: fields with their names, cut out of a stream of bytes. (RFC 5322 §2.2; qmail headerbody, hfield)

Lines end at LF. If the empty line that ends the header is CR LF, the header is read as if its lines ended in LF, and so
should its body be (`HeaderReader.has_crlf`); likewise if there is no empty line and every line ends in CR LF. A CR
anywhere else is data.
"""

from __future__ import annotations

from .errors import Malformed
from .shapes import NamedTuple

MBOX_NAME = b"MBOX-Line"
LIMIT_BYTES = 32 * 1024 * 1024
LIMIT_FIELDS = 200_000

_NAME = bytes(range(33, 127))


class Field(NamedTuple):
    """One field: its name in lower case, and all of its lines as they were, each with its LF."""

    name: bytes
    raw: bytes


def field_name(line: bytes) -> bytes | None:
    """The name in lower case if this line begins a field, else None. Blanks may stand before the colon.

    >>> field_name(b"To : x"), field_name(b"X Foo: x"), field_name(b">From x")
    (b'to', None, None)
    """
    name, colon, _ = line.partition(b":")
    name = name.rstrip(b" \t") if colon else b""
    if not name or name.translate(None, _NAME):
        return None
    return name.lower()


class HeaderReader:
    """Takes a message in pieces of any size until its header is complete.

    Then `fields` holds the header and `rest` what has come of the message after it, beginning with the empty line. A
    line that is no field ends the header too; the empty line that belongs before it is supplied. A message that ends in
    its header has no body: `rest` is empty.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES, has_mbox_lines: bool = True) -> None:
        """`has_mbox_lines`: a line that begins with `From ` is a field, as for qmail-inject."""
        self.fields: list[Field] = []
        self.rest = b""
        self.is_complete = False
        self.has_crlf = False
        self._buffer = bytearray()
        self._raw = bytearray()  # the lines of the field that is being read
        self._crlf_lines = 0
        self._all_lines = 0
        self._limit = limit_bytes
        self._has_mbox_lines = has_mbox_lines
        self._size = 0

    def receive(self, data: bytes) -> None:
        """More of the message; what comes after the header is appended to `rest`.

        :raises Malformed: the header never ends, or has too many fields.
        """
        if self.is_complete:
            self.rest += data
            return
        self._size += len(data)
        start, searched = 0, len(self._buffer)  # what was there before has no line end
        self._buffer += data
        while end := self._buffer.find(b"\n", searched) + 1:
            line = bytes(memoryview(self._buffer)[start:end])
            if not self._take(line):
                self._finish(bytes(memoryview(self._buffer)[start:]))
                return
            start = searched = end
        del self._buffer[:start]
        if self._size > self._limit:
            raise Malformed("header too long", "5.6.0")

    def eof(self) -> None:
        """The message has ended; a last line without its LF gets one.

        :raises Malformed: as `receive`.
        """
        if self.is_complete:
            return
        line = bytes(self._buffer)
        if line and not self._take(line + b"\n"):
            self._finish(line + b"\n")
        else:
            self._finish(b"")

    def _take(self, line: bytes) -> bool:
        """Whether this line belongs to the header."""
        if line[:1] in (b" ", b"\t") and self._raw:
            self._raw += line
        elif self._has_mbox_lines and line.startswith(b"From "):
            self._end_field()
            self._raw += MBOX_NAME + b": " + line
        elif field_name(line) is not None:
            self._end_field()
            self._raw += line
        else:
            return False
        self._all_lines += 1
        self._crlf_lines += line.endswith(b"\r\n")
        return True

    def _end_field(self) -> None:
        """:raises Malformed: it is one too many."""
        raw = bytes(self._raw)
        self._raw.clear()
        if raw:
            self.fields.append(Field(field_name(raw) or b"", raw))
        if len(self.fields) > LIMIT_FIELDS:
            raise Malformed("too many fields in the header", "5.6.0")

    def _finish(self, rest: bytes) -> None:
        self._end_field()
        self._buffer.clear()
        self.is_complete = True
        first = rest[: rest.find(b"\n") + 1]
        is_crlf_so_far = self._crlf_lines == self._all_lines and (not rest or first.endswith(b"\r\n"))
        self.has_crlf = first == b"\r\n" or (is_crlf_so_far and bool(self.fields))
        if self.has_crlf:
            self.fields = [Field(field.name, field.raw.replace(b"\r\n", b"\n")) for field in self.fields]
        is_blank = rest[:1] == b"\n" or (self.has_crlf and rest[:2] == b"\r\n")
        self.rest = rest if is_blank or not rest else b"\n" + rest


class LineEnds:
    """Turns CR LF into LF in a body that comes in pieces, and ends the last line. A CR elsewhere is kept."""

    def __init__(self, has_crlf: bool) -> None:
        self._has_crlf = has_crlf
        self._held = b""
        self._last = b""

    def convert(self, data: bytes) -> bytes:
        """The next piece."""
        if self._has_crlf:
            data, self._held = self._held + data, b""
            if data[-1:] == b"\r":
                data, self._held = data[:-1], b"\r"
            data = data.replace(b"\r\n", b"\n")
        self._last = data[-1:] or self._last
        return data

    def end(self) -> bytes:
        """What is still to be written: a CR held back, and the LF that the last line lacks."""
        held, self._held = self._held, b""
        last = held or self._last
        return held + (b"\n" if last not in (b"", b"\n") else b"")
