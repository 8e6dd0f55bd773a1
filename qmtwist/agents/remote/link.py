"""One connection to another host on a blocking socket, and one message down it."""

from __future__ import annotations

import errno
import time

# `socket` itself costs as much as half of Python's start
from _socket import AF_INET, AF_INET6, IPPROTO_TCP, SOCK_STREAM, TCP_NODELAY
from _socket import socket as PlainSocket

from qmtwist.mail.shapes import TYPE_CHECKING, Callable, NamedTuple
from qmtwist.rules.handshakes import HandshakeFailed
from qmtwist.wire.outgoing import Ended, Event, Lost, Ready, SendBody, StartTls, Transaction
from qmtwist.wire.qmtp import QmtpClient
from qmtwist.wire.remotereport import Result
from qmtwist.wire.session import NEED_DATA, Pause
from qmtwist.wire.smtp.client import ClientSession

from .message import Message

if TYPE_CHECKING:
    from ssl import SSLSocket

READ_BYTES = 65536
_NOTHING_YET = (errno.EAGAIN, 2)  # 2 is SSL_ERROR_WANT_READ; no socket says ENOENT
_LONGEST_WAIT_S = 2_000_000  # more than 24 days is more than poll(2) can wait

Socket = PlainSocket  # what ssl's sockets are, too
Session = ClientSession | QmtpClient
Handshake = Callable[[Socket], "SSLSocket"]


class Spoken(NamedTuple):
    """How it went with one host. `result` None: nothing can be said of the message."""

    result: Result | None
    may_try_next_host: bool
    has_handshake_failed: bool


def connect(address: str, port: int, own: str | None, timeout_s: int) -> Socket:
    """A connection to an address, from `own` if that is given.

    :raises TimeoutError: nothing was heard in time.
    :raises OSError: refused, no way there, or `own` is not an address of this host.
    """
    family = AF_INET6 if ":" in address else AF_INET
    sock = Socket(family, SOCK_STREAM)
    try:
        if own is not None:
            sock.bind((own, 0))
        sock.settimeout(min(timeout_s, _LONGEST_WAIT_S))
        sock.connect((address, port))
        sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)  # sessions write whole blocks; none need wait for another
    except BaseException:
        sock.close()
        raise
    return sock


class Link:
    """A connection and the session on it. Made when it is connected, for one message; closed at its end.

    Each reply has `timeout_s` seconds to come in whole, each block of ours as many to go out.
    """

    def __init__(self, sock: Socket, session: Session, timeout_s: int, handshake: Handshake) -> None:
        """`handshake` makes the connection encrypted; what it was given is then used up, in either case.

        It raises HandshakeFailed.
        """
        self._socket = sock
        self._session = session
        self._timeout_s = min(timeout_s, _LONGEST_WAIT_S)
        self._handshake = handshake
        self._turn = -1
        self._deadline = 0.0
        self._has_handshake_failed = False
        self._event: Event | None = None  # came up while the message was being sent

    def carry(self, transaction: Callable[[], Transaction], message: Message) -> Spoken:
        """One message, from the greeting to the end; the connection is closed.

        `transaction` is asked for when the other host is ready for it.

        :raises Unreadable: the message cannot be read. What was begun is dropped without its end.
        """
        try:
            while True:
                event, self._event = self._event or self._session.next_event(), None
                is_written = self._write(self._session.take_output())
                match event:
                    case Ended(result, _):
                        self._session.quit()
                        self._write(self._session.take_output())
                        return Spoken(result, False, self._has_handshake_failed)
                    case Lost(result, may_try_next_host):
                        return Spoken(result, may_try_next_host, self._has_handshake_failed)
                    case _ if is_written:
                        self._answer(event, transaction, message)
        finally:
            self._socket.close()

    def _answer(self, event: Event | Pause, transaction: Callable[[], Transaction], message: Message) -> None:
        match event:
            case StartTls():
                self._start_tls()
            case Ready():
                self._session.begin(transaction())
            case SendBody():
                self._send(message)
            case _:
                assert event is NEED_DATA, "a session waits for us, and we for it"
                self._read()

    def _start_tls(self) -> None:
        self._socket.settimeout(self._timeout_s)
        try:
            self._socket = self._handshake(self._socket)
        except HandshakeFailed as failure:
            self._has_handshake_failed = True
            self._session.tls_failed(failure.why)
        else:
            self._session.tls_started()

    def _send(self, message: Message) -> None:
        for piece in message.pieces():
            self._session.body(piece)
            if not self._write(self._session.take_output()) or self._has_answered():
                return
        self._session.end_body()

    def _has_answered(self) -> bool:
        """Whether the other host has spoken although the message has not ended: perhaps it wants no more of it."""
        self._socket.settimeout(0)
        try:
            self._take(self._socket.recv(READ_BYTES))
        except OSError as error:
            if error.errno in _NOTHING_YET:
                return False
            self._session.eof()
        event = self._session.next_event()
        self._event = None if isinstance(event, Pause) else event
        return self._event is not None

    def _read(self) -> None:
        """Until something comes, or the time of this turn is over."""
        if self._session.turn != self._turn:
            self._turn = self._session.turn
            self._deadline = time.monotonic() + self._timeout_s
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            self._session.timed_out()
            return
        try:
            self._socket.settimeout(left_s)
            self._take(self._socket.recv(READ_BYTES))
        except TimeoutError:
            self._session.timed_out()
        except OSError:
            self._session.eof()

    def _take(self, data: bytes) -> None:
        if data:
            self._session.receive(data)
        else:
            self._session.eof()

    def _write(self, data: bytes) -> bool:
        """Write a block, or tell the session that it could not be. Whether it was."""
        if not data:
            return True
        try:
            self._socket.settimeout(self._timeout_s)
            self._socket.sendall(data)
        except TimeoutError:
            self._session.timed_out()
            return False
        except OSError:
            # it may have said why before it hung up
            if not self._has_answered():
                self._session.eof()
            return False
        return True
