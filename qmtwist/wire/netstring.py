"""Netstrings, cut anywhere: `LENGTH:PAYLOAD,`."""

from __future__ import annotations

from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import Iterator


def netstring(payload: bytes) -> bytes:
    """One netstring.

    >>> netstring(b"abc")
    b'3:abc,'
    """
    return b"%d:%s," % (len(payload), payload)


class NetstringReader:
    """Cuts a stream into payloads of at most `limit_bytes`, however it is chunked. Lives as long as its stream."""

    def __init__(self, limit_bytes: int) -> None:
        self._buffer = bytearray()
        self._limit = limit_bytes
        self._max_digits = len(str(limit_bytes))

    def receive(self, data: bytes) -> Iterator[bytes]:
        """The payloads that are complete now; those not taken from the iterator come again with the next call.

        :raises Malformed: no digits, a leading zero, a length above the limit, or no comma; the stream is lost.
        """
        self._buffer += data
        return self._payloads()

    @property
    def buffered_bytes(self) -> int:
        """How much has come that has not been taken."""
        return len(self._buffer)

    def _payloads(self) -> Iterator[bytes]:
        while (payload := self._next()) is not None:
            yield payload

    def _next(self) -> bytes | None:
        buffer = self._buffer
        colon = buffer.find(b":", 0, self._max_digits + 1)
        # The length is bounded before it is turned into a number.
        digits = bytes(buffer[: colon if colon >= 0 else self._max_digits + 1])
        if not digits:
            if colon == 0:
                raise Malformed("netstring without a length")
            return None
        if not digits.isdigit() or (digits[:1] == b"0" and digits != b"0") or len(digits) > self._max_digits:
            raise Malformed("bad netstring length")
        if int(digits) > self._limit:
            raise Malformed("netstring too long")
        if colon < 0:
            return None
        end = colon + 1 + int(digits)
        if len(buffer) <= end:
            return None
        if buffer[end] != 44:
            raise Malformed("netstring without its comma")
        payload = bytes(memoryview(buffer)[colon + 1 : end])
        del buffer[: end + 1]
        return payload
