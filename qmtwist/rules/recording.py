r"""What a recording of a session shows: recordio's lines, without the secrets. (recordio(1), RFC 1939, RFC 4954)

>>> log: list[bytes] = []
>>> recording = Recording(b"r", log.append)
>>> recording.received(b"USER joe\r\nPASS sec"); recording.received(b"ret\r\n"); recording.sent(b"+OK\r\n")
>>> log
[b'r < USER joe ', b'r < PASS ****** ', b'r > +OK ']
"""

from __future__ import annotations

from qmtwist.mail.shapes import Callable

PIECE_BYTES = 256  # of a line are one line of the log
HIDDEN = b"******"
_PLAIN = bytes(range(32, 127))


class Recording:
    """One session. Made for its client when it connects; `log` takes a line without LF."""

    def __init__(self, name: bytes, log: Callable[[bytes], None]) -> None:
        self._name = name
        self._log = log
        self._unread = b""  # of the client's line, which may yet turn out to hold a secret
        self._unsaid = b""
        self._is_hiding = False  # the rest of the client's line is secret
        self._is_asked = False  # the server wants a secret: the client's next line is one

    def received(self, data: bytes) -> None:
        """From the client."""
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            self._from_client(line, b" ")
            self._is_hiding = self._is_asked = False
        while len(self._unread) >= PIECE_BYTES:
            piece, self._unread = self._unread[:PIECE_BYTES], self._unread[PIECE_BYTES:]
            self._from_client(piece, b"+")
            self._is_hiding = self._is_hiding or is_secret(piece)

    def sent(self, data: bytes) -> None:
        """To the client."""
        *lines, self._unsaid = (self._unsaid + data).split(b"\n")
        for line in lines:
            self._is_asked = line[:3] == b"334" or line[:2] == b"+ " or line == b"+\r"
            self._say(b">", line.removesuffix(b"\r"), b" ")
        while len(self._unsaid) >= PIECE_BYTES:
            piece, self._unsaid = self._unsaid[:PIECE_BYTES], self._unsaid[PIECE_BYTES:]
            self._say(b">", piece, b"+")

    def ended(self) -> None:
        """The connection is gone."""
        if self._unread:
            self._from_client(self._unread, b"+")
        if self._unsaid:
            self._say(b">", self._unsaid, b"+")
        self._log(self._name + b" < [EOF]")

    def _from_client(self, line: bytes, end: bytes) -> None:
        line = line.removesuffix(b"\r")
        shown = HIDDEN if self._is_hiding or self._is_asked else without_secret(line)
        self._say(b"<", shown, end)

    def _say(self, arrow: bytes, text: bytes, end: bytes) -> None:
        for at in range(0, len(text) or 1, PIECE_BYTES):
            piece = text[at : at + PIECE_BYTES]
            if piece.translate(None, _PLAIN):
                shown = b"".join([b"%c" % byte if byte in _PLAIN else b"\\x%02x" % byte for byte in piece])
            else:
                shown = piece
            is_last = at + PIECE_BYTES >= len(text)
            self._log(b"%s %s %s%s" % (self._name, arrow, shown, end if is_last else b"+"))


def is_secret(line: bytes) -> bool:
    """Whether a client's line begins as one with a secret."""
    return without_secret(line) != line


def without_secret(line: bytes) -> bytes:
    """A client's line as it may be shown.

    >>> [without_secret(line) for line in (b"APOP joe c4c9", b"auth plain AGpvZQB4", b"AUTH LOGIN", b"NOOP x")]
    [b'APOP joe ******', b'auth plain ******', b'AUTH LOGIN', b'NOOP x']
    """
    words = line.split(None, 2)
    verb = words[0].upper() if words else b""
    if verb == b"PASS" and len(words) > 1:
        return words[0] + b" " + HIDDEN
    if verb in (b"APOP", b"AUTH") and len(words) > 2:
        return b"%s %s %s" % (words[0], words[1], HIDDEN)
    return line
