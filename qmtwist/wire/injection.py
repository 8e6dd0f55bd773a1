"""How local programs hand a message to the running daemon, over the socket queue/lock/injection; both sides, sans-IO.

Everything is netstrings. The client says `1 UID PID` and waits; the server says `go`, or refuses. Then come the pieces
of the message, an empty netstring, and the envelope in pieces, as qmail-queue reads it. The server's last word is
`0 NUMBER` (it is queued durably) or `CODE TEXT`, a qmail-queue exit code.

`closing` in place of `go` means that the daemon takes nothing more and that nothing has been taken: the client may use
the queue files. Until `go` the client has not touched the message, so the choice costs nothing. From the moment the
whole envelope has been sent, a missing answer means that the message may be queued: the client must report a temporary
error and not try another way. (A second attempt by its caller may duplicate the message; it cannot lose it.)

A client that says `queue` instead is told the messages that rest in no queue file: one netstring for each, in the form
of wire/queuelist, then an empty one.
"""

from __future__ import annotations

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import Iterable, NamedTuple, deque

from .envelope import EnvelopeError, EnvelopeReader, parse_records
from .netstring import NetstringReader, netstring

PIECE_LIMIT_BYTES = 65536
ENVELOPE_LIMIT_BYTES = 256 * 1024 * 1024
LISTING_LIMIT_BYTES = 256 * 1024 * 1024
GO, CLOSING, QUEUE = b"go", b"closing", b"queue"
END_OF_MESSAGE = netstring(b"")
ASK_QUEUE = netstring(QUEUE)
SAY_CLOSING = netstring(CLOSING)

OUT_OF_MEMORY, PROTOCOL_ERROR = 51, 81  # qmail-queue exit codes


class Reply(NamedTuple):
    """The server's last word: a qmail-queue exit code, and the message number in digits or an explanation."""

    code: int
    text: bytes


# -- the client


def hello(uid: int, pid: int) -> bytes:
    """Who hands in the message: the caller's real uid, and the process id of the program that queues."""
    return netstring(b"1 %d %d" % (uid, pid))


def pieces(data: bytes) -> bytes:
    """A part of the message or of the envelope, cut as small as the server wants it; empty for empty data."""
    view = memoryview(data)
    return b"".join(
        [netstring(bytes(view[at : at + PIECE_LIMIT_BYTES])) for at in range(0, len(data), PIECE_LIMIT_BYTES)]
    )


class ReplyReader:
    """What the server says, in pieces of any size."""

    def __init__(self, limit_bytes: int = 4096) -> None:
        self._reader = NetstringReader(limit_bytes)

    def receive(self, data: bytes) -> Iterable[bytes]:
        """The words that are complete now.

        :raises Malformed: this is no injection server.
        """
        return self._reader.receive(data)


def parse_reply(word: bytes) -> Reply:
    """The server's last word.

    :raises Malformed: no code in it.

    >>> parse_reply(b"0 10000000007"), parse_reply(b"53 disk full").code
    (Reply(code=0, text=b'10000000007'), 53)
    """
    code, _, text = word.partition(b" ")
    if not code.isdigit() or len(code) > 3:
        raise Malformed("bad reply")
    return Reply(int(code), text)


# -- the server


class Introduced(NamedTuple):
    """The hello. Answer with GO or a refusal; nothing more is parsed until `go_on`."""

    uid: int
    pid: int


class QueueAsked(NamedTuple):
    """The client wants the list of messages that rest in no queue file."""


class MessagePiece(NamedTuple):
    """The next part of the message."""

    data: bytes


class Submitted(NamedTuple):
    """The message is complete, and this is its envelope."""

    envelope: Envelope


class Refused(NamedTuple):
    """The client broke the protocol or its envelope cannot be taken: say this and hang up."""

    reply: Reply


Event = Introduced | QueueAsked | MessagePiece | Submitted | Refused


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
        if len(self._records) > ENVELOPE_LIMIT_BYTES:
            self._refuse(OUT_OF_MEMORY, b"envelope too large")
        elif self._envelope.is_complete:
            self._events.append(Submitted(parse_records(bytes(self._records))))
            self._take = self._ignore

    def _ignore(self, payload: bytes) -> None:
        """What comes after the end is nobody's business."""

    def _refuse(self, code: int, text: bytes) -> None:
        self._take = self._ignore
        self._is_paused = True
        self._events.append(Refused(Reply(code, text)))
