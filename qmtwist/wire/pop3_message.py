"""A stored message as the data of a RETR or TOP answer. (RFC 1939 §3, §7; qmail-pop3d)"""

from __future__ import annotations

from .dots import DotStuffer


class Top:
    """Cuts a message after its header and some lines of its body. Fed in pieces cut anywhere; made per message.

    `blanks` are the byte strings that end a header, each beginning with the LF of the line before.
    """

    __slots__ = ("_blanks", "_is_header", "_left", "_tail", "is_done")

    def __init__(self, lines: int, is_classic: bool) -> None:
        self._left = lines
        self._blanks = (b"\n\n",) if is_classic else (b"\n\n", b"\n\r\n")
        self._tail = b"\n"  # the last bytes of the piece before; a message begins as if after an LF
        self._is_header = True
        self.is_done = False

    def cut(self, piece: bytes) -> bytes:
        """The part of the next piece that is wanted; after `is_done` nothing is."""
        start = 0
        if self._is_header:
            start = self._header_end(piece)
            if start < 0:
                return piece
            self._is_header = False
        elif self.is_done:
            return b""
        return piece[: self._body_end(piece, start)]

    def _header_end(self, piece: bytes) -> int:
        text = self._tail + piece
        ends = [at + len(blank) for blank in self._blanks if (at := text.find(blank)) >= 0]
        if not ends:
            self._tail = text[-2:]
            return -1
        return min(ends) - len(self._tail)

    def _body_end(self, piece: bytes, start: int) -> int:
        here = piece.count(b"\n", start)
        if here < self._left:
            self._left -= here
            return len(piece)
        at = start - 1
        for _ in range(self._left):
            at = piece.index(b"\n", at + 1)
        self.is_done = True
        return at + 1


class MessageEncoder:
    """A stored message to the data of a RETR or TOP answer: `begin`, `encode` each piece, `finish`. Made per answer."""

    __slots__ = ("_end", "_stuffer", "_top")

    def __init__(self, lines: int | None, is_classic: bool) -> None:
        self._stuffer = DotStuffer(keeps_pairs=not is_classic)
        self._top = None if lines is None else Top(lines, is_classic)
        # qmail adds a blank line to each message
        self._end = b"\r\n.\r\n" if is_classic else b".\r\n"

    @property
    def is_done(self) -> bool:
        """Whether the rest of the message is not wanted."""
        return self._top is not None and self._top.is_done

    def encode(self, piece: bytes) -> bytes:
        """The next piece as it goes out."""
        return self._stuffer.encode(piece if self._top is None else self._top.cut(piece))

    def finish(self) -> bytes:
        """The end of the answer, with its final dot."""
        return self._stuffer.finish() + self._end
