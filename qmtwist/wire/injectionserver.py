"""The server's side of the injection socket (wire/injection); sans-IO."""

from __future__ import annotations

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import Iterable, NamedTuple, deque

from .envelope import EnvelopeError, EnvelopeReader, parse_records
from .injection import (
    GO,
    ORDERS,
    PIECE_LIMIT_BYTES,
    PROTOCOL_ERROR,
    QUEUE,
    Reply,
)
from .netstring import NetstringReader, netstring


class Introduced(NamedTuple):
    """The hello. Answer with GO or a refusal; nothing more is parsed until `go_on`."""

    uid: int
    pid: int


class QueueAsked(NamedTuple):
    """The client wants the list of messages that rest in no queue file."""


class Ordered(NamedTuple):
    """The client has an order for the queue manager, one of ORDERS."""

    order: bytes


class MessagePiece(NamedTuple):
    """The next part of the message."""

    data: bytes


class Submitted(NamedTuple):
    """The message is complete, and this is its envelope."""

    envelope: Envelope


class Refused(NamedTuple):
    """The client broke the protocol or its envelope cannot be taken: say this and hang up."""

    reply: Reply


Event = Introduced | QueueAsked | Ordered | MessagePiece | Submitted | Refused


def format_reply(reply: Reply) -> bytes:
    """The server's last word; the text is cut to one short line."""
    return netstring(b"%d %s" % (reply.code, reply.text.replace(b"\n", b" ")[:500]))


def format_listing(paragraphs: Iterable[bytes]) -> bytes:
    """The answer to QueueAsked."""
    return b"".join([netstring(paragraph) for paragraph in paragraphs if paragraph]) + netstring(b"")


class ServerSession:
    """One client of the injection socket. The shell feeds `receive` and takes events until there are none."""

    def __init__(self) -> None:
        self._reader = NetstringReader(PIECE_LIMIT_BYTES)
        self._events: deque[Event] = deque()
        self._take = self._take_hello
        self._is_paused = False
        self._envelope = EnvelopeReader()
        self._records = bytearray()

    @property
    def envelope_bytes(self) -> int:
        """How much memory the envelope takes, or will take when it is complete."""
        return self._envelope.weight_bytes

    def receive(self, data: bytes) -> None:
        """Bytes from the client. After Introduced they are kept unparsed until `go_on`."""
        try:
            payloads = self._reader.receive(data)
            while not self._is_paused and (payload := next(payloads, None)) is not None:
                self._take(payload)
            if self._is_paused and self._reader.buffered_bytes > PIECE_LIMIT_BYTES:
                raise Malformed("did not wait for an answer")
        except EnvelopeError as error:
            self._refuse(error.code, error.text.encode())
        except Malformed as error:
            self._refuse(PROTOCOL_ERROR, error.text.encode())

    def next_event(self) -> Event | None:
        """The next thing that happened; None when more bytes, or `go_on`, are needed."""
        return self._events.popleft() if self._events else None

    def go_on(self) -> bytes:
        """Accept the client that was Introduced: what to send."""
        self._is_paused = False
        self.receive(b"")
        return netstring(GO)

    def _take_hello(self, payload: bytes) -> None:
        if payload == QUEUE:
            self._events.append(QueueAsked())
            self._take = self._ignore
            return
        if payload in ORDERS:
            self._events.append(Ordered(payload))
            self._take = self._ignore
            return
        version, *numbers = payload.split(b" ")
        if version != b"1" or len(numbers) != 2 or not all(n.isdigit() and len(n) <= 20 for n in numbers):
            raise Malformed("bad hello")
        self._take = self._take_message
        self._is_paused = True
        self._events.append(Introduced(int(numbers[0]), int(numbers[1])))

    def _take_message(self, payload: bytes) -> None:
        if payload:
            self._events.append(MessagePiece(payload))
        else:
            self._take = self._take_envelope

    def _take_envelope(self, payload: bytes) -> None:
        self._records += self._envelope.receive(payload)
        if self._envelope.is_complete:
            self._events.append(Submitted(parse_records(bytes(self._records))))
            self._take = self._ignore

    def _ignore(self, payload: bytes) -> None:
        """What comes after the end is nobody's business."""

    def _refuse(self, code: int, text: bytes) -> None:
        self._take = self._ignore
        self._is_paused = True
        self._events.append(Refused(Reply(code, text)))
