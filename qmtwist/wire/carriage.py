"""CR before LF: put there, put there where it is missing, or taken away, in streams that are cut anywhere."""

from __future__ import annotations


class AddCr:
    r"""Puts a CR before every LF.

    >>> AddCr().feed(b"a\nb\r\n")
    b'a\r\nb\r\r\n'
    """

    def feed(self, data: bytes) -> bytes:
        """What these bytes become."""
        return data.replace(b"\n", b"\r\n")

    def end(self) -> bytes:
        """What was held back until the stream ended."""
        return b""


class FixCr:
    r"""Puts a CR before every LF that has none.

    >>> FixCr().feed(b"a\nb\r\n")
    b'a\r\nb\r\n'
    """

    def __init__(self) -> None:
        self._ends_in_cr = False

    def feed(self, data: bytes) -> bytes:
        """What these bytes become."""
        if not data:
            return b""
        fixed = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        if self._ends_in_cr and data[:1] == b"\n":
            fixed = fixed[1:]
        self._ends_in_cr = data[-1:] == b"\r"
        return fixed

    def end(self) -> bytes:
        """What was held back until the stream ended."""
        return b""


class DelCr:
    r"""Takes away a CR before LF.

    >>> stream = DelCr()
    >>> stream.feed(b"a\r\nb\r") + stream.feed(b"\nc\r") + stream.end()
    b'a\nb\nc\r'
    """

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What these bytes become; a CR at their end waits for what follows it."""
        data = self._held + data
        self._held = b"\r" if data[-1:] == b"\r" else b""
        return data[: len(data) - len(self._held)].replace(b"\r\n", b"\n")

    def end(self) -> bytes:
        """What was held back until the stream ended."""
        return self._held
