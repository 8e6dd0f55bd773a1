"""The server that stands in for the real one before a client that is not wanted. (rblsmtpd 0.88)

It speaks just enough SMTP for the client to hear the reason at RCPT, where its own users will see it.
"""

from __future__ import annotations

LINE_BYTES = 4096  # of a command that are looked at; none of those that we know is so long

GREETING = b"220 rblsmtpd.local\r\n"
OK = b"250 rblsmtpd.local\r\n"
GOODBYE = b"221 rblsmtpd.local\r\n"
_POLITE = frozenset([b"HELO", b"EHLO", b"MAIL", b"RSET", b"NOOP"])


class RefusingSession:
    """One conversation; give it what was read, write what it returns, and hang up when it `is_over`."""

    def __init__(self, reason: bytes) -> None:
        """`reason` is the reply to all that matters, without CR LF."""
        self._reason = reason + b"\r\n"
        self._line = b""
        self.is_over = False

    def receive(self, data: bytes) -> bytes:
        """The replies to the commands that are complete now."""
        *lines, rest = (self._line + data).split(b"\n")
        replies = []
        for line in lines:
            replies.append(self._reply(line))
            if self.is_over:
                break
        self._line = rest[:LINE_BYTES]
        return b"".join(replies)

    def _reply(self, line: bytes) -> bytes:
        line = line.removesuffix(b"\r").partition(b"\0")[0]
        verb = line.partition(b" ")[0].upper()
        if verb == b"QUIT":
            self.is_over = True
            return GOODBYE
        return OK if verb in _POLITE else self._reason
