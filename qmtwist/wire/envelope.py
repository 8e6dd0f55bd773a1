"""The envelope as qmail-queue reads it, streamed: `F` sender NUL, (`T` recipient NUL)*, NUL. (qmail-queue(8))

No address is judged: any byte but NUL may be in it, and it may be empty.
"""

from __future__ import annotations

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import Malformed

ADDRESS_LIMIT_BYTES = 1002
"""The longest address; the manual's 1000 is not what qmail-queue does."""

RECIPIENTS_LIMIT = 1_000_000
RECORDS_LIMIT_BYTES = 64 * 1024 * 1024
"""What one envelope may hold: whoever takes it later has all of it in memory, several times its size."""

_RECORD_BYTES = 80  # that one address takes beyond its letters

TOO_LONG, TOO_LARGE, BAD_FORMAT = 11, 51, 91
_TEXTS = {TOO_LONG: "address too long", TOO_LARGE: "envelope too large", BAD_FORMAT: "envelope format error"}


class EnvelopeError(Malformed):
    """The envelope cannot be taken; `code` is qmail-queue's exit code for it."""

    def __init__(self, code: int) -> None:
        super().__init__(_TEXTS[code])
        self.code = code


def encode_envelope(envelope: Envelope) -> bytes:
    """The envelope as qmail-queue reads it from descriptor 1.

    >>> encode_envelope(Envelope(b"s", (b"a", b"b")))
    b'Fs\\x00Ta\\x00Tb\\x00\\x00'
    """
    return b"F%s\0%s\0" % (envelope.sender, b"".join([b"T%s\0" % r for r in envelope.recipients]))


def with_extra(envelope: Envelope, extra: tuple[bytes, ...]) -> Envelope:
    """The envelope with these recipients before its own. (QUEUE_EXTRA; FAQ 8.2)

    >>> with_extra(Envelope(b"s", (b"a",)), (b"log",))
    Envelope(sender=b's', recipients=(b'log', b'a'))
    """
    return Envelope(envelope.sender, extra + envelope.recipients) if extra else envelope


class EnvelopeReader:
    """Checks an envelope in whatever pieces it comes; holds no more than one address."""

    def __init__(self) -> None:
        self.is_complete = False
        self._rest = b""
        self._wanted = b"F"
        self._count = self._bytes = 0  # of the records that were whole

    @property
    def weight_bytes(self) -> int:
        """What the envelope takes, as far as it has come, in the memory of who parses it."""
        return self._bytes + _RECORD_BYTES * self._count

    def receive(self, data: bytes) -> bytes:
        """The records that are now known to be whole, as they came. What follows the final NUL is dropped.

        :raises EnvelopeError: BAD_FORMAT, TOO_LONG or TOO_LARGE.
        """
        if self.is_complete:
            return b""
        buffer, start = self._rest + data, 0
        while start < len(buffer):
            kind = buffer[start : start + 1]
            if kind == b"\0" and self._wanted == b"T":
                self.is_complete = True
                break
            if kind != self._wanted:
                raise EnvelopeError(BAD_FORMAT)
            end = buffer.find(b"\0", start + 1, start + ADDRESS_LIMIT_BYTES + 2)
            if end < 0:
                if len(buffer) - start - 1 > ADDRESS_LIMIT_BYTES:
                    raise EnvelopeError(TOO_LONG)
                break
            self._wanted = b"T"
            self._count += 1
            start = end + 1
        self._bytes += start
        if self._count > 1 + RECIPIENTS_LIMIT or self._bytes > RECORDS_LIMIT_BYTES:
            raise EnvelopeError(TOO_LARGE)
        self._rest = buffer[start:]
        return buffer[:start]


def parse_records(records: bytes) -> Envelope:
    """The envelope that the records passed by a complete EnvelopeReader are.

    >>> parse_records(b"Fs\\0Ta\\0Tb\\0")
    Envelope(sender=b's', recipients=(b'a', b'b'))
    """
    sender, *recipients = records.split(b"\0")[:-1]
    return Envelope(sender[1:], tuple([recipient[1:] for recipient in recipients]))
