"""The client of the daemon's injection socket: hands a message over, or learns that the queue files must be used."""

from __future__ import annotations

import _socket  # the whole socket module would double the start-up time of qmail-queue

from qmtwist.mail.errors import Malformed, suppress
from qmtwist.mail.shapes import Iterator
from qmtwist.wire import injection
from qmtwist.wire.netstring import netstring

HELLO_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 1800.0


class Unavailable(Exception):
    """Nobody takes the message at the socket, and nothing was taken: use the queue files."""


class Lost(Exception):
    """The connection ended after the daemon began to take the message.

    `is_unknown`: the whole envelope had been sent, so the message may be queued.
    """

    def __init__(self, is_unknown: bool) -> None:
        super().__init__("the daemon may have the message" if is_unknown else "the daemon hung up")
        self.is_unknown = is_unknown


class Handover:
    """One message on its way to the daemon; used once. `connect` makes one that has been introduced."""

    def __init__(self, connection: _socket.socket) -> None:
        self._connection = connection
        self._words = _words(connection)

    def introduce(self, uid: int, pid: int, together: bytes = b"") -> injection.Reply | None:
        """Say for whom it is, and send `together`, the whole rest, with it. A reply: the daemon refuses.

        :raises Unavailable: nothing was taken.
        :raises Lost: the daemon may have taken all of it.
        """
        try:
            if together:
                self._connection.settimeout(ANSWER_TIMEOUT_S)
            self._connection.sendall(injection.hello(uid, pid) + together)
        except OSError as error:  # the end of the envelope was not sent
            raise Unavailable from error
        try:
            word = next(self._words)
            if word == injection.CLOSING:
                raise Unavailable
            if word != injection.GO:
                return injection.parse_reply(word)
        except ConnectionResetError as error:  # so the kernel says that the end was sent but never read
            raise Unavailable from error
        except (OSError, Malformed, StopIteration) as error:
            if together:
                raise Lost(is_unknown=True) from error
            raise Unavailable from error
        self._connection.settimeout(None)
        return None

    def send(self, data: bytes) -> injection.Reply | None:
        """Send a piece (see wire/injection). A reply: the daemon has refused, send no more.

        :raises Lost: it hung up without a word.
        """
        try:
            self._connection.sendall(data)
        except OSError:
            return self._answer(is_unknown=False)
        return None

    def finish(self, data: bytes) -> injection.Reply:
        """Send the last piece of the envelope and wait for the answer.

        :raises Lost: none came.
        """
        try:
            self._connection.settimeout(ANSWER_TIMEOUT_S)
            self._connection.sendall(data)
        except OSError:
            return self._answer(is_unknown=True)
        return self._answer(is_unknown=True)

    def close(self) -> None:
        """Hang up; a message not finished is forgotten by the daemon."""
        self._connection.close()

    def _answer(self, is_unknown: bool) -> injection.Reply:
        try:
            return injection.parse_reply(next(self._words))
        except (OSError, Malformed, StopIteration) as error:
            raise Lost(is_unknown) from error


def connect(path: str, uid: int, pid: int) -> Handover | injection.Reply:
    """Introduce a caller to the daemon. A reply: it refuses the message, which has not been touched.

    :raises Unavailable: nobody listens, the listener takes nothing more, or does not answer.
    """
    handover = Handover(open_connection(path))
    try:
        reply = handover.introduce(uid, pid)
    except Unavailable:
        handover.close()
        raise
    if reply is not None:
        handover.close()
        return reply
    return handover


def order(path: str, word: bytes) -> injection.Reply:
    """Give the daemon one of the ORDERS; its answer.

    :raises Unavailable: no daemon. :raises Lost: it does not listen to us, or knows no such order.
    """
    connection = open_connection(path)
    try:
        connection.sendall(netstring(word))
        for said in _words(connection):
            return injection.parse_reply(said)
    except (OSError, Malformed) as error:
        raise Lost(False) from error
    finally:
        connection.close()
    raise Lost(False)


def ask_queue(path: str) -> dict[int, bytes]:
    """The messages that rest in no queue file, number to paragraph of qmail-qread's output; none without a daemon.

    Who looks at the files as well asks first: a message may be laid down in files meanwhile, and is then in both.
    """
    from qmtwist.wire.queuelist import message_number  # who queues a message needs none of this

    paragraphs: dict[int, bytes] = {}
    try:
        connection = open_connection(path)
    except Unavailable:
        return {}
    with suppress(OSError, Malformed, ValueError):
        connection.sendall(injection.ASK_QUEUE)
        for paragraph in _words(connection, injection.LISTING_LIMIT_BYTES):
            if not paragraph:
                break
            paragraphs[message_number(paragraph)] = paragraph
    connection.close()
    return paragraphs


def open_connection(path: str) -> _socket.socket:
    """A connection to whoever listens there.

    :raises Unavailable: nobody does.
    """
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    try:
        connection.settimeout(HELLO_TIMEOUT_S)
        connection.connect(path)
    except OSError as error:
        connection.close()
        raise Unavailable from error
    return connection


def _words(connection: _socket.socket, limit_bytes: int = 4096) -> Iterator[bytes]:
    """What the daemon says, until it hangs up."""
    reader = injection.ReplyReader(limit_bytes)
    while data := connection.recv(65536):
        yield from reader.receive(data)
