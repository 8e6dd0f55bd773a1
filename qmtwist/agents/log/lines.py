"""Lines from a descriptor or a file, a block at a time: in constant memory, and without a call for each."""

from __future__ import annotations

import os

from qmtwist.mail.shapes import Callable, Iterator

BLOCK_BYTES = 1 << 17


def from_standard_input() -> bytes:
    """The next bytes; none at the end."""
    return os.read(0, BLOCK_BYTES)


class Lines:
    """Iterate over it for lists of complete lines without their LF; then `rest` is what followed the last LF."""

    def __init__(self, read: Callable[[], bytes] = from_standard_input) -> None:
        self._read = read
        self.rest = b""

    def __iter__(self) -> Iterator[list[bytes]]:
        """:raises OSError: it cannot be read."""
        parts: list[bytes] = []
        while data := self._read():
            start, lf, end = data.rpartition(b"\n")
            if not lf:
                parts.append(data)
                continue
            yield (b"".join(parts) + start).split(b"\n")
            parts = [end]
        self.rest = b"".join(parts)

    def all(self) -> Iterator[list[bytes]]:
        """The same, and the last line also if it has no LF."""
        yield from self
        if self.rest:
            yield [self.rest]
