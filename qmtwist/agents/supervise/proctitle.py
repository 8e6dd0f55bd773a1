"""Words of our own command line replaced, for ps to show: Linux lets a process write where its arguments are."""

from __future__ import annotations

import os

_ARG_END = 49 - 3  # a field of /proc/self/stat behind the name, see proc(5)
KEPT = b"..."


class LastArgument:
    """The last word of the command line, `length` bytes of it."""

    def __init__(self, length: int) -> None:
        """:raises OSError: /proc is not there, or does not let us."""
        with open("/proc/self/stat", "rb") as stream:
            fields = stream.read().rpartition(b")")[2].split()
        self._length = length
        self._at = int(fields[_ARG_END]) - 1 - length  # a NUL ends it
        self._memory = os.open("/proc/self/mem", os.O_RDWR | os.O_CLOEXEC)
        self._text = b"." * length
        os.pwrite(self._memory, self._text, self._at)

    def receive(self, data: bytes) -> None:
        """Shift these bytes in at the end; three dots stay at the beginning."""
        self._text = KEPT + (self._text + data.replace(b"\0", b""))[-(self._length - len(KEPT)) :]
        os.pwrite(self._memory, self._text, self._at)
