"""SMTP as ofmipd speaks it with mail readers: line feeds alone are line ends. (ofmipd(8) of mess822)

A bare LF within a message is taken for a line end, but it does not end the message: what a reader passes on for others
could otherwise hide a second one (VU#302671). Only a client whose DATA line ended in a bare LF, and who therefore sends
no CR LF at all, ends his message with LF . LF.
"""

from __future__ import annotations

from qmtwist.mail.errors import MailError

from . import reply as replies
from .data import DataReader
from .events import Event, Limits, Terms
from .reply import Reply
from .server import ServerSession

NAME = b"ofmipd.local"
HELP = replies.reply(214, b"2.0.0", b"qmail home page: http://pobox.com/~djb/qmail.html")
NO_CONFIGURATION = replies.reply(451, b"4.3.0", b"unable to read configuration (#4.3.0)")
NO_NAMES = replies.reply(451, b"4.3.0", b"unable to read cdb (#4.3.0)")

# Where a piece may end in the middle of what ends a message, the longest first.
_UNDECIDED = (b"\r\n.\r", b"\r\n.", b"\n.\r", b"\n.", b"\r\n", b"\n", b"\r")


class OfmipSession(ServerSession):
    """A session of the service in the daemon."""

    __slots__ = ("_is_lf",)

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms)
        self._is_lf = False  # the last command ended in a bare LF

    def go_ahead(self) -> None:
        """See `ServerSession`."""
        super().go_ahead()
        self._body = LfReader() if self._is_lf else LenientReader()

    def _run(self, line: bytes) -> Event | None:
        self._is_lf = line[-1:] != b"\r"
        return super()._run(line)


class PlainSession(OfmipSession):
    """A session of the program: its replies are those of mess822, without RFC 3463 codes and message numbers."""

    __slots__ = ()

    def stored(self, now: int, number: int) -> None:
        """See `ServerSession`."""
        super().stored(now, number)
        self._output[-1] = replies.OK.plain

    def _say(self, reply: Reply) -> None:
        self._output.append((HELP if reply is replies.HELP else reply).plain)


def plain_terms(limits: Limits) -> Terms:
    """The terms of the program."""
    ehlo = replies.listing([NAME, b"PIPELINING", b"8BITMIME"])
    goodbye = replies.reply(221, b"2.0.0", NAME)
    # a process that sleeps costs more than the client it slows down
    return Terms(limits, b"220 %s ESMTP\r\n" % NAME, b"250 %s\r\n" % NAME, ehlo, goodbye, is_slowing=False)


def letter_reply(fault: MailError) -> Reply:
    r"""What a client is told whose message cannot be put into order.

    >>> letter_reply(MailError("header too long", "5.6.0")).plain
    b'554 header too long (#5.6.0)\r\n'
    """
    text = fault.text.strip()
    return replies.foreign(554, (text if "(#" in text else f"{text} (#{fault.status})").encode("latin-1", "replace"))


class LenientReader(DataReader):
    """Reads a message that may have bare LFs."""

    __slots__ = ()

    def receive(self, data: bytes) -> tuple[bytes, bytes | None]:
        r"""See `DataReader`.

        >>> LenientReader().receive(b"a\nb\n.\nc\r\n.\r\nQUIT\r\n")
        (b'a\nb\n\nc\n', b'QUIT\r\n')
        """
        result = super().receive(data)
        self.has_bare_lf = False
        return result


class LfReader(DataReader):
    """Reads a message from a client who ends his lines with LF."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__()
        self._held = b"\n"

    def receive(self, data: bytes) -> tuple[bytes, bytes | None]:
        r"""See `DataReader`.

        >>> LfReader().receive(b"a\n..b\n.\nQUIT\n"), LfReader().receive(b"a\r\n.\r\n")
        ((b'a\n.b\n', b'QUIT\n'), (b'a\n', b''))
        """
        buffer = self._held + data
        rest: bytes | None = None
        ends = [(at, len(end)) for end in (b"\n.\n", b"\n.\r\n") if (at := buffer.find(end)) >= 0]
        if ends:
            at, length = min(ends)
            body, rest, self._held = buffer[: at + 1], buffer[at + length :], b""
        else:
            held = next((end for end in _UNDECIDED if buffer.endswith(end)), b"")
            body, self._held = buffer[: len(buffer) - len(held)], held
        text = body.replace(b"\r\n", b"\n")
        self.has_bare_cr = self.has_bare_cr or b"\r" in text
        self._hops.count(text)
        text = text.replace(b"\n.", b"\n")
        if not self._is_begun and text:
            self._is_begun, text = True, text[1:]
        self.size += len(text)
        return text, rest
