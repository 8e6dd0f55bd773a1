"""The data phase: where a message ends, its dots and its line ends. Alone judges a bare CR or LF. (RFC 5321 §4.5.2)

Only CR LF . CR LF ends a message. A bare LF or CR is reported, never repaired: a server that takes one for a line end
can be made to see two messages where another sees one (VU#302671).

The work is done on whole chunks: no Python runs per line. At most four bytes are kept from one chunk to the next.
"""

from __future__ import annotations

from qmtwist.wire.hops import HopCounter

_END = b"\r\n.\r\n"


class DataReader:
    """Reads one message off the wire. Made at DATA, gone at its end; what it holds does not grow with the message.

    `size` counts the bytes to be stored; `hops` the Received and Delivered lines of the header; the two flags say what
    has been seen until now.
    """

    __slots__ = ("_held", "_hops", "_is_begun", "has_bare_cr", "has_bare_lf", "size")

    def __init__(self) -> None:
        self._held = b"\r\n"  # a message begins at the start of a line; this line end is taken away again
        self._is_begun = False
        self._hops = HopCounter(before=b"")
        self.has_bare_cr = self.has_bare_lf = False
        self.size = 0

    @property
    def hops(self) -> int:
        """How many hosts the message has passed, as far as its header has been seen."""
        return self._hops.hops

    def receive(self, data: bytes) -> tuple[bytes, bytes | None]:
        r"""What to store of these bytes (line ends are LF), and what follows the end of the message; None: no end yet.

        >>> DataReader().receive(b"a\r\n..b\r\n.\r\nQUIT\r\n")
        (b'a\n.b\n', b'QUIT\r\n')
        """
        buffer = self._held + data
        end = buffer.find(_END)
        rest: bytes | None
        if end >= 0:
            body, rest, self._held = buffer[: end + 2], buffer[end + 5 :], b""
        else:
            kept = undecided(buffer)
            rest, self._held = None, buffer[len(buffer) - kept :]
            body = buffer[: len(buffer) - kept] if kept else buffer
        text = body.replace(b"\r\n", b"\n")
        if b"\r" in text:
            self.has_bare_cr = True
        if text.count(b"\n") != len(body) - len(text):
            self.has_bare_lf = True
        # Seen before the dots are removed, as qmail does: `.Received:` is not counted.
        self._hops.count(text)
        if b"\n." in text:
            text = text.replace(b"\n.", b"\n")
        if not self._is_begun and text:
            self._is_begun, text = True, text[1:]
        self.size += len(text)
        return text, rest


def undecided(buffer: bytes) -> int:
    r"""How many bytes at the end may be the beginning of CR LF . CR LF.

    >>> undecided(b"x\r\n.\r"), undecided(b"x\r\n."), undecided(b"x\r\n"), undecided(b"x\r"), undecided(b"x.\n")
    (4, 3, 2, 1, 0)
    """
    for length in (4, 3, 2, 1):
        if buffer.endswith(_END[:length]):
            return length
    return 0
