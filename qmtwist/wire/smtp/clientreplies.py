"""Replies as qmail-remote reads them, EHLO's among them, and addresses as it writes them. (RFC 5321 §4.2, §4.1.2)

The code is the first three bytes of a reply. A fourth byte `-` says that another line follows; of that line three bytes
are skipped whatever they are, and only the next is looked at. LF alone ends a line.
"""

from __future__ import annotations

from qmtwist.mail.address import quote
from qmtwist.wire.outgoing import Capabilities

KEPT_BYTES = 5000  # of a reply, for the report (qmail-remote); CRs do not count
MAX_BYTES = 1_000_000  # of one reply
MAX_LINES = 2000  # of one reply
UNREADABLE = 400  # the code of a reply without one: what we do not understand is no reason to bounce

_DASH = 45


def parse_code(three: bytes) -> int:
    """The code that three bytes mean; UNREADABLE if they are not digits.

    >>> parse_code(b"250"), parse_code(b"2 0")
    (250, 400)
    """
    return int(three) if three.isdigit() else UNREADABLE


def shown(reply: bytes) -> bytes:
    """A reply as it is shown in a report: without CRs, NUL as `?`, its beginning only if it is long."""
    return reply.replace(b"\r", b"")[:KEPT_BYTES].replace(b"\0", b"?")


class ReplyStream:
    """What the other side says, one reply after the other. Lives as long as its session; holds little of a long reply.

    `code` and `said` are those of the last whole reply.
    """

    __slots__ = (
        "_at", "_buffer", "_bytes", "_in_line", "_is_last", "_kept", "_lines", "_three", "code", "said",
    )  # fmt: skip

    def __init__(self) -> None:
        self._buffer = b""
        self._at = 0  # where the unread part of the buffer begins
        self.code = 0
        self.said = b""
        self._begin()

    def _begin(self) -> None:
        # of a reply that is not whole yet
        self._three = self._kept = b""
        self._in_line = 0  # bytes of the current line that were passed over; from 3 on the kind of line is known
        self._is_last = False
        self._lines = self._bytes = 0

    def receive(self, data: bytes) -> None:
        """Take what was read."""
        self._buffer = self._buffer[self._at :] + data if self._at < len(self._buffer) else data
        self._at = 0

    def clear(self) -> None:
        """Forget what was received and not read."""
        self._buffer, self._at = b"", 0

    @property
    def has_unread(self) -> bool:
        """Whether more has come than the last whole reply."""
        return self._at < len(self._buffer) or self._bytes > 0

    @property
    def is_endless(self) -> bool:
        """Whether the reply that is being read has become longer than any reply may be."""
        return self._bytes > MAX_BYTES or self._lines > MAX_LINES

    @property
    def letter(self) -> bytes:
        """What a refusal means to a message: `D` for good, `Z` for now."""
        return b"D" if self.code >= 500 else b"Z"

    @property
    def quoted(self) -> bytes:
        """The last line or lines of a report."""
        return b"Remote host said: " + shown(self.said)

    def read(self) -> bool:
        """Whether another reply is whole; it is then the last one."""
        buffer, at = self._buffer, self._at
        if not self._bytes:
            end = buffer.find(b"\n", at + 3)
            if end >= 0 and buffer[at + 3] != _DASH:  # the usual one: a line that is here
                self.code, self.said = parse_code(buffer[at : at + 3]), buffer[at : end + 1]
                self._at = end + 1
                return True
        if not self._read_on(buffer):
            return False
        self.code, self.said = parse_code(self._three), self._kept
        self._begin()
        return True

    def _read_on(self, data: bytes) -> bool:
        """Pass over what belongs to this reply; whether it is whole."""
        at, is_whole = self._at, False
        while at < len(data) and not is_whole:
            if self._in_line < 3:
                step = min(3 - self._in_line, len(data) - at)
                if not self._lines:
                    self._three += data[at : at + step]
                self._in_line += step
                at += step
                continue
            if self._in_line == 3:
                self._is_last = data[at] != _DASH
                self._in_line = 4
            end = data.find(b"\n", at)
            if end < 0:
                at = len(data)
                break
            at = end + 1
            self._in_line = 0
            self._lines += 1
            is_whole = self._is_last
        self._keep(data[self._at : at])
        self._at = at
        return is_whole

    def _keep(self, data: bytes) -> None:
        self._bytes += len(data)
        room = KEPT_BYTES - len(self._kept)
        if room > 0:
            self._kept += data.replace(b"\r", b"")[:room]


def parse_ehlo(reply: bytes) -> Capabilities:
    r"""What a reply to EHLO offers; what is not understood offers nothing. (RFC 5321 §4.1.1.1)

    >>> parse_ehlo(b"250-mx\r\n250-size 1000\r\n250 PIPELINING\r\n").size_limit
    1000
    """
    offered: dict[bytes, bytes] = {}
    for line in reply.split(b"\n")[1:]:
        keyword, _, parameter = line[4:].strip().partition(b" ")
        # an old way to write a keyword's parameter is with `=`
        keyword, equals, old = keyword.partition(b"=")
        offered.setdefault(keyword.upper(), old if equals else parameter.strip())
    size = offered.get(b"SIZE", b"")
    return Capabilities(
        has_size=b"SIZE" in offered,
        size_limit=int(size) if size.isdigit() and len(size) <= 20 else 0,  # RFC 1870 §3: at most 20 digits
        has_pipelining=b"PIPELINING" in offered,
        has_eight_bit=b"8BITMIME" in offered,
        has_starttls=b"STARTTLS" in offered,
    )


_CONTROLS = bytes([*range(32), 127])
_OUTSIDE = b"<> "  # what ends a path, or would, where nothing is quoted


def path(address: bytes) -> bytes | None:
    r"""The address as MAIL and RCPT show it, without its brackets; None: it cannot be said in SMTP.

    Control characters would end the command, and brackets or blanks outside quotes would begin parameters. An address
    without `@` is not quoted (qmail-remote).

    >>> path(b"a b@host"), path(b""), path(b"a@host\nQUIT"), path(b"a@host> SIZE=1")
    (b'"a b"@host', b'', None, None)
    """
    if address.translate(None, _CONTROLS) != address:
        return None
    _local, at, domain = address.rpartition(b"@")
    if domain.translate(None, _OUTSIDE) != domain:
        return None
    return quote(address) if at else address
