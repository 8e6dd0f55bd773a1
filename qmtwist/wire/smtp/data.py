"""The data phase: where a message ends, its dots and its line ends. Alone judges a bare CR or LF. (RFC 5321 §4.5.2)

Only CR LF . CR LF ends a message. A bare LF or CR is reported, never repaired: a server that takes one for a line end
can be made to see two messages where another sees one (VU#302671).

The work is done on whole chunks: no Python runs per line. At most four bytes are kept from one chunk to the next.
"""

from __future__ import annotations

_END = b"\r\n.\r\n"
_HOP_NAMES = (b"\nreceived", b"\ndelivered")  # the letters are all that counts, not even a colon (qmail-smtpd)
_LONGEST = max(map(len, _HOP_NAMES))


class DataReader:
    """Reads one message off the wire. Made at DATA, gone at its end; what it holds does not grow with the message.

    `size` counts the bytes to be stored; `hops` the Received and Delivered lines of the header; the two flags say what
    has been seen until now.
    """

    __slots__ = ("_header", "_held", "_is_begun", "has_bare_cr", "has_bare_lf", "hops", "size")

    def __init__(self) -> None:
        self._held = b"\r\n"  # a message begins at the start of a line; this line end is taken away again
        self._is_begun = False
        self._header: bytes | None = b""  # the last bytes of the header so far, None: the header is over
        self.has_bare_cr = self.has_bare_lf = False
        self.hops = self.size = 0

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
        if self._header is not None:
            self._count_hops(text)
        if b"\n." in text:
            text = text.replace(b"\n.", b"\n")
        if not self._is_begun and text:
            self._is_begun, text = True, text[1:]
        self.size += len(text)
        return text, rest

    def _count_hops(self, text: bytes) -> None:
        # Seen before the dots are removed, as qmail does: `.Received:` is not counted.
        assert self._header is not None
        header = self._header + text
        end = header.find(b"\n\n")
        lower = (header if end < 0 else header[:end]).lower()
        self.hops += sum(map(lower.count, _HOP_NAMES))
        last = lower[lower.rfind(b"\n") :]
        # keep the start of a line that may yet become a hop, but not one that was counted
        is_open = len(last) < _LONGEST and last[:1] == b"\n" and last not in _HOP_NAMES
        self._header = None if end >= 0 else last if is_open else b""


def undecided(buffer: bytes) -> int:
    r"""How many bytes at the end may be the beginning of CR LF . CR LF.

    >>> undecided(b"x\r\n.\r"), undecided(b"x\r\n."), undecided(b"x\r\n"), undecided(b"x\r"), undecided(b"x.\n")
    (4, 3, 2, 1, 0)
    """
    for length in (4, 3, 2, 1):
        if buffer.endswith(_END[:length]):
            return length
    return 0
