"""Dot-stuffing: a stored message (LF lines) to the CR LF lines of SMTP and POP3. (RFC 5321 §4.5.2, RFC 1939 §3)

One stuffer serves one message. It is fed in pieces cut anywhere and remembers between them whether it stands at the
start of a line; a stuffer that forgets this lets a message end in its middle.
"""

from __future__ import annotations


class _Stuffer:
    """What both kinds share: where they stand between two pieces."""

    __slots__ = ("_has_cr", "_is_line_start")

    def __init__(self) -> None:
        self._is_line_start = True
        self._has_cr = False  # a CR at the end of a piece: what it means depends on the next byte

    def _held(self, piece: bytes) -> bytes:
        """The piece with the CR that was held back before it, and without one that ends it."""
        if self._has_cr and piece:
            piece = b"\r" + piece
            self._has_cr = False
        if piece[-1:] == b"\r":
            self._has_cr = True
            piece = piece[:-1]
        return piece

    def _stuffed(self, piece: bytes) -> bytes:
        """CR LF for each LF, two dots for one that begins a line."""
        if not piece:
            return b""
        out = piece.replace(b"\n.", b"\n..") if b"\n." in piece else piece
        out = out.replace(b"\n", b"\r\n")
        if self._is_line_start and piece[:1] == b".":
            out = b"." + out
        self._is_line_start = piece[-1:] == b"\n"
        return out


class DotStuffer(_Stuffer):
    r"""Turns LF line ends into CR LF and doubles each dot that begins a line. Made per message.

    With `keeps_pairs` a CR LF that is stored stays one; without, as qmail does it, its CR is kept and a second one is
    added.

    >>> stuffer = DotStuffer()
    >>> stuffer.encode(b".a\n") + stuffer.encode(b".") + stuffer.finish()
    b'..a\r\n..\r\n'
    """

    __slots__ = ("_keeps_pairs",)

    def __init__(self, keeps_pairs: bool = True) -> None:
        super().__init__()
        self._keeps_pairs = keeps_pairs

    def encode(self, piece: bytes) -> bytes:
        """The next piece of the message as it goes out; may be empty while a CR is undecided."""
        if self._keeps_pairs:
            piece = self._held(piece)
            piece = piece.replace(b"\r\n", b"\n") if b"\r" in piece else piece
        return self._stuffed(piece)

    def finish(self) -> bytes:
        """What completes the last line: empty or CR LF. The final dot is the caller's."""
        is_open = self._has_cr or not self._is_line_start
        self._has_cr, self._is_line_start = False, True
        return b"\r\n" if is_open else b""


class SmtpStuffer(_Stuffer):
    r"""A stored message for another mail server: no bare CR or LF leaves, whatever was stored. Made per message.

    Each LF, CR LF and lone CR is one line end, CR LF on the wire, and a dot behind any of them is doubled: a receiver
    that takes one of them for a line end finds no end of the message there. CR CR LF is two line ends.

    >>> stuffer = SmtpStuffer()
    >>> stuffer.encode(b"a\r") + stuffer.encode(b".\r\n") + stuffer.finish(), stuffer.is_complete
    (b'a\r\n..\r\n', True)
    """

    __slots__ = ()

    def encode(self, piece: bytes) -> bytes:
        """The next piece of the message as it goes out; may be empty while a CR is undecided."""
        if self._has_cr or b"\r" in piece:
            piece = self._held(piece).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return self._stuffed(piece)

    def finish(self) -> bytes:
        """What was held back: the line end that a final CR is, or nothing."""
        if not self._has_cr:
            return b""
        self._has_cr, self._is_line_start = False, True
        return b"\r\n"

    @property
    def is_complete(self) -> bool:
        """Whether what was fed ends with a line end, as a message must that goes by SMTP; nothing is complete too."""
        return self._is_line_start or self._has_cr
