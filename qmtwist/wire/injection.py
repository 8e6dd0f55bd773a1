"""How local programs hand a message to the running daemon, over its injection socket; the client's side, sans-IO.

Everything is netstrings. The client says `1 UID PID` and waits; the server says `go`, or refuses. Then come the pieces
of the message, an empty netstring, and the envelope in pieces, as qmail-queue reads it. The server's last word is
`0 NUMBER` (it is queued durably) or `CODE TEXT`, a qmail-queue exit code.

`closing` in place of `go` means that the daemon takes nothing more and that nothing has been taken: the client may use
the queue files. Until `go` the client has not touched the message, so the choice costs nothing. From the moment the
whole envelope has been sent, a missing answer means that the message may be queued: the client must report a temporary
error and not try another way. (A second attempt by its caller may duplicate the message; it cannot lose it.)

A client that says `queue` instead is told the messages that rest in no queue file: one netstring for each, in the form
of wire/queuelist, then an empty one. `pause`, `continue` and `status` are orders to the queue manager: it begins no
delivery any more, it goes on, it only answers. The answer is `0 paused` or `0 running`.
"""

from __future__ import annotations

from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import Iterable, NamedTuple

from .netstring import NetstringReader, netstring

SOCKETS = ("queue/lock/injection", "run/injection")
"""Below the mail home; the second is for users of a server that root started, who cannot enter its queue."""

PIECE_LIMIT_BYTES = 65536
LISTING_LIMIT_BYTES = 256 * 1024 * 1024
GO, CLOSING, QUEUE = b"go", b"closing", b"queue"
PAUSE, CONTINUE, STATUS = ORDERS = (b"pause", b"continue", b"status")
END_OF_MESSAGE = netstring(b"")
ASK_QUEUE = netstring(QUEUE)
SAY_CLOSING = netstring(CLOSING)

PROTOCOL_ERROR = 81  # a qmail-queue exit code


class Reply(NamedTuple):
    """The server's last word: a qmail-queue exit code, and the message number in digits or an explanation."""

    code: int
    text: bytes


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
