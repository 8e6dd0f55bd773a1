"""Counting the hosts that a message has passed. (RFC 5321 §6.3; qmail-smtpd: Received and Delivered lines)"""

from __future__ import annotations

_NAMES = (b"\nreceived", b"\ndelivered")  # the letters are all that counts, not even a colon (qmail-smtpd)
_LONGEST = max(map(len, _NAMES))


class HopCounter:
    """Counts in a header that comes in pieces, cut anywhere, lines ended by LF. What it keeps does not grow.

    `before` stands in front of the first piece: a line end, unless the pieces begin with one of their own.
    """

    __slots__ = ("_header", "hops")

    def __init__(self, before: bytes = b"\n") -> None:
        self._header: bytes | None = before  # the last bytes of the header so far, None: the header is over
        self.hops = 0

    def count(self, text: bytes) -> None:
        """The next piece."""
        if self._header is None:
            return
        header = self._header + text
        end = header.find(b"\n\n")
        lower = (header if end < 0 else header[:end]).lower()
        self.hops += sum(map(lower.count, _NAMES))
        last = lower[lower.rfind(b"\n") :]
        # keep the start of a line that may yet become a hop, but not one that was counted
        is_open = len(last) < _LONGEST and last[:1] == b"\n" and last not in _NAMES
        self._header = None if end >= 0 else last if is_open else b""
