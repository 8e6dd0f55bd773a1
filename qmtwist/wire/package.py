"""What the QMTP and the QMQP server share: limits, events, and reading netstrings in a strict order.

A session is pumped like an SMTP one (wire/smtp/server.py): `receive`, then `next_event` until a `Pause`, answering the
questions, then write `take_output()`. Nothing is kept of a message but what waits in the last read: a length costs
nothing until its bytes come.
"""

from __future__ import annotations

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.shapes import Enum, Generator, NamedTuple

from .hops import HopCounter
from .netstring import netstring
from .session import NEED_ANSWER, NEED_DATA, Pause

LENGTH_LIMIT = 200_000_000  # a length above it takes no further digit (qmail-qmtpd)
LENGTH_BYTES = 100  # that a length and its colon may take: zeros in front are good, but not for ever
ADDRESS_BYTES = 1000  # an address must be shorter
MALFORMED = 100
NO_RESOURCES = 111
TOO_BIG = b"Dsorry, that message size exceeds my databytes limit (#5.3.4)"
ANSWERED = b"answered"  # why a session ends that was for one message
LOOPING = b"Dtoo many hops, this message is looping (#5.4.6)"


class Limits(NamedTuple):
    """What a session may cost us. 0 means no limit of `databytes` (a message as it is stored) and of `hop_limit` (its
    Received and Delivered lines); a recipient must be shorter than `max_address_bytes`. After `max_idle_packages` in a
    row that brought no mail a QMTP session ends.
    """

    databytes: int = 0
    max_recipients: int = 1000
    hop_limit: int = 0
    max_address_bytes: int = ADDRESS_BYTES
    max_idle_packages: int = 100


class MessageBegan(NamedTuple):
    """A message comes. `size` is its declared size, before line ends are converted. Answer with `go_ahead` when it can
    be stored, or `refuse`.
    """

    size: int


class Content(NamedTuple):
    """A piece of the message, as it is to be stored. Needs no answer."""

    data: bytes


class MessageSpoiled(NamedTuple):
    """Nothing will be queued: forget what was stored. The session's `fault` says why. Needs no answer."""


class SenderOffered(NamedTuple):
    """QMTP: answer with `accept(address)`, or `refuse`, which is the answer for every recipient not refused itself."""

    address: bytes


class RecipientOffered(NamedTuple):
    """QMTP: answer with `accept(address)`, the address to be queued, or `refuse`."""

    address: bytes


class MessageEnded(NamedTuple):
    """All of it was read: store it for good. Answer with `stored`, or `refuse`. `size` is that of what was stored."""

    envelope: Envelope
    size: int


class Violation(NamedTuple):
    """The client broke the protocol: hang up, without a word. The last event. `status` is the exit status of a program:
    100, or 111 for a length that is too great.
    """

    text: bytes
    status: int


class Closed(NamedTuple):
    """The session is over: write what there is, then hang up. The last event."""

    reason: bytes


Event = (
    MessageBegan | Content | MessageSpoiled | SenderOffered | RecipientOffered | MessageEnded | Violation | Closed
)  # fmt: skip
Steps = Generator[Event | Pause, None, None]


class Question(Enum):
    """What the caller has not answered yet."""

    NONE = 0
    MESSAGE = 1
    SENDER = 2
    RECIPIENT = 3
    END = 4


class Broken(Exception):
    """The protocol is broken."""

    def __init__(self, text: bytes, status: int = MALFORMED) -> None:
        super().__init__(text)
        self.violation = Violation(text, status)


class PackageSession:
    """What both servers are: a strict sequence of netstrings, and a shell that is asked between them."""

    __slots__ = (
        "_answer", "_at", "_budget", "_buffer", "_farewell", "_fault", "_is_over", "_is_stored", "_last", "_limits",
        "_output", "_question", "_size", "_steps", "is_in_message",
    )  # fmt: skip

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buffer = b""
        self._at = 0  # where the unread part of the buffer begins
        self._budget = -1  # bytes left in the netstring around the one that is read; -1: there is none
        self._output: list[bytes] = []
        self._question = Question.NONE
        self._answer = b""  # to the last question; empty: yes
        self._fault = b""  # why the message will not be queued
        self._is_stored = False  # the shell keeps something of this message
        self._size = 0  # of the message as it is stored
        self._farewell = ANSWERED  # why the session is over when the protocol has nothing more to say
        self._last: Event | None = None
        self._is_over = False
        self._steps = self._run()
        self.is_in_message = False  # something has come that has not been answered

    # -- what the caller gives

    def receive(self, data: bytes) -> None:
        """Take what was read; after the end it is not looked at."""
        if not self._is_over:
            self._buffer = self._buffer[self._at :] + data if self._at < len(self._buffer) else data
            self._at = 0

    def eof(self) -> None:
        """The client sends nothing more. Call it when `next_event` gave NEED_DATA."""
        where = b" in the middle of a message" if self.is_in_message else b""
        self.abort(b"the client closed the connection" + where)

    def abort(self, reason: bytes) -> None:
        """End the session from our side; an open question is forgotten, and so is an unfinished message."""
        if not self._is_over:
            self._question = Question.NONE
            self._close(Closed(reason))

    def take_output(self) -> bytes:
        """The answers that have not been written yet."""
        data = b"".join(self._output)
        self._output.clear()
        return data

    @property
    def fault(self) -> bytes:
        """Why the message will not be queued, as its client will be told; empty when every recipient was refused."""
        return self._fault

    @property
    def has_input(self) -> bool:
        """Whether something that was received waits to be read."""
        return self._at < len(self._buffer)

    # -- answers

    def go_ahead(self) -> None:
        """The message can be stored: its content follows."""
        assert self._question is Question.MESSAGE
        self._question, self._answer, self._is_stored = Question.NONE, b"", True

    def refuse(self, text: bytes) -> None:
        """Say no to what was offered: `D` (for good) or `Z` (for now) and a sentence. Any other letter counts as `Z`,
        so no text of a queue program can look like an acceptance.
        """
        assert self._question is not Question.NONE
        self._question = Question.NONE
        self._answer = text if text[:1] in (b"D", b"Z") else b"Z" + text[1:]

    def stored(self, now: int, number: int) -> None:
        """The message is safe under this number. `now` is in POSIX seconds."""
        assert self._question is Question.END
        self._question, self._answer = Question.NONE, b"Kok %d qp %d" % (now, number)

    # -- what the caller gets

    def next_event(self) -> Event | Pause:
        """What happens next in the bytes received so far."""
        if self._question is not Question.NONE:
            return NEED_ANSWER
        if not self._is_over:
            try:
                return next(self._steps)
            except Broken as broken:
                self._close(broken.violation)
            except StopIteration:
                self._close(Closed(self._farewell))
        last, self._last = self._last, None
        return NEED_DATA if last is None else last

    # -- for the two protocols

    def _run(self) -> Steps:
        """The whole session, as the protocol has it; this one ends before it began."""
        yield from ()

    def _ask(self, question: Question, event: Event) -> Steps:
        """Offer something; the answer is in `_answer` afterwards."""
        self._question = question
        yield event

    def _close(self, event: Event) -> None:
        self._is_over, self._last = True, event
        self._buffer, self._at = b"", 0
        self._steps.close()

    def _say(self, text: bytes, times: int = 1) -> None:
        self._output.append(netstring(text) * times)

    def _spend(self, count: int) -> None:
        if self._budget >= 0:
            if count > self._budget:
                raise Broken(b"a netstring ends inside another")
            self._budget -= count

    def _byte(self) -> Generator[Pause, None, int]:
        self._spend(1)
        while self._at >= len(self._buffer):
            yield NEED_DATA
        self.is_in_message = True
        self._at += 1
        return self._buffer[self._at - 1]

    def _length(self) -> Generator[Pause, None, int]:
        """The length of the next netstring: leading zeros and no digits at all are as good as to qmail."""
        length = count = 0
        while (byte := (yield from self._byte())) != 58:
            count += 1
            if count >= LENGTH_BYTES:
                raise Broken(b"a length that does not end")
            if not 48 <= byte <= 57:
                raise Broken(b"a length with something other than digits")
            if length > LENGTH_LIMIT:
                raise Broken(b"a length too great", NO_RESOURCES)
            length = 10 * length + byte - 48
        if 0 <= self._budget <= length:
            raise Broken(b"a netstring longer than the one around it")  # its comma needs room, too
        return length

    def _comma(self) -> Generator[Pause, None, None]:
        if (yield from self._byte()) != 44:
            raise Broken(b"no comma after a netstring")

    def _pieces(self, length: int) -> Generator[bytes | Pause, None, None]:
        """A payload as it comes in."""
        self._spend(length)
        while length:
            piece = self._buffer[self._at : self._at + length]
            if piece:
                self._at += len(piece)
                length -= len(piece)
                yield piece
            else:
                yield NEED_DATA

    def _address(self, limit: int) -> Generator[Pause, None, bytes | None]:
        """A netstring with an address. None: it is not shorter than `limit`, or has a NUL in it; it is read, but not
        kept.
        """
        length = yield from self._length()
        parts: list[bytes] = []
        for piece in self._pieces(length):
            if isinstance(piece, Pause):
                yield piece
            elif length < limit:
                parts.append(piece)
        yield from self._comma()
        address = b"".join(parts)
        return None if length >= limit or b"\0" in address else address

    # -- the message

    def _message(self, length: int, is_dos: bool) -> Steps:
        """Its bytes and its comma: with CR LF as line ends when `is_dos`."""
        limits = self._limits
        self._fault, self._size, self._is_stored = b"", 0, False
        yield from self._ask(Question.MESSAGE, MessageBegan(length))
        self._fault = self._answer
        if not is_dos and 0 < limits.databytes < length:
            yield from self._spoil(TOO_BIG)
        hops, held = HopCounter(), b""
        for piece in self._pieces(length):
            if isinstance(piece, Pause):
                yield piece
                continue
            length -= len(piece)
            if is_dos:
                piece, held = _unix(held + piece, length == 0)
            self._size += len(piece)
            if limits.hop_limit:
                hops.count(piece)
            if 0 < limits.databytes < self._size:
                yield from self._spoil(TOO_BIG)
            elif limits.hop_limit and hops.hops >= limits.hop_limit:
                yield from self._spoil(self._fault or LOOPING)
            elif piece and self._is_stored:
                yield Content(piece)
        yield from self._comma()

    def _spoil(self, text: bytes) -> Steps:
        """Nothing will be queued, because of `text`."""
        self._fault = text
        if self._is_stored:
            self._is_stored = False
            yield MessageSpoiled()

    def _end(self, envelope: Envelope) -> Steps:
        """Ask for the verdict; the text of the answer is in `_answer`."""
        if self._fault:
            yield from self._spoil(self._fault)
            self._answer = self._fault
        else:
            yield from self._ask(Question.END, MessageEnded(envelope, self._size))
            self._is_stored = False


def _unix(data: bytes, is_last: bool) -> tuple[bytes, bytes]:
    r"""Lines that end with LF, and the CR that must wait for what follows it.

    >>> _unix(b"a\r\nb\r\r\n\rc\r", False), _unix(b"d\r", True)
    ((b'a\nb\r\n\rc', b'\r'), (b'd\r', b''))
    """
    held = b"\r" if data[-1:] == b"\r" and not is_last else b""
    return data[: len(data) - len(held)].replace(b"\r\n", b"\n"), held
