"""POP3 on descriptors 0 and 1: the work of qmail-popup and qmail-pop3d. (qmail-popup(8), qmail-pop3d(8))"""

from __future__ import annotations

import os
import select

from qmtwist.mail.errors import MailError
from qmtwist.mail.shapes import NoReturn
from qmtwist.store.maildrop import Maildrop, open_maildrop, unique_name
from qmtwist.store.signals import signal
from qmtwist.wire.pop3 import OK, Quit, Retrieve, Transaction
from qmtwist.wire.pop3_command import CommandReader
from qmtwist.wire.pop3_login import REFUSED, Credentials, Login
from qmtwist.wire.pop3_phase import Hangup
from qmtwist.wire.session import NEED_DATA

from . import checkpassword

TIMEOUT_S = 1200  # for each read and write
LINE_LIMIT_BYTES = 65536  # qmail has none; this much is a line that nobody means
PIECE_BYTES = 65536


class Connection:
    """The client on descriptors 0 and 1. Every wait has an end: after `timeout_s` reads and writes raise OSError."""

    def __init__(self, timeout_s: int = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        signal.signal(signal.SIGALRM, _expire)

    def read(self, limit: int = PIECE_BYTES) -> bytes:
        """What the client has sent; empty: it has ended."""
        signal.alarm(self._timeout_s)
        data = os.read(0, limit)
        signal.alarm(0)
        return data

    def write(self, data: bytes) -> None:
        """Write all of it."""
        view = memoryview(data)
        while view:
            signal.alarm(self._timeout_s)
            view = view[os.write(1, view) :]
        signal.alarm(0)

    def drain(self) -> None:
        """Throw away what is here unread: closing a TCP connection over it would cost the client our last answer."""
        poll = select.poll()
        poll.register(0, select.POLLIN)
        left = PIECE_BYTES
        while left > 0 and poll.poll(0):
            data = os.read(0, left)
            if not data:
                return
            left -= len(data)


def _expire(number: int, frame: object) -> NoReturn:
    raise TimeoutError("the client is silent")


def popup(host: bytes, command: list[bytes], now: int, connection: Connection) -> int:
    """Greet, take name and password, hand them with the connection to a checkpassword program. Exit status is always 1.

    Commands are read byte by byte, so that what a client pipelines behind its password is left for the next program.
    """
    challenge = b"<%d.%d@%s>" % (os.getpid(), now, host)
    login = Login(CommandReader(LINE_LIMIT_BYTES), challenge, is_classic=True)
    try:
        while True:
            event = login.next_event()
            if output := login.take_output():
                connection.write(output)
            if event is NEED_DATA:
                data = connection.read(1)
                if not data:
                    return 1
                login.receive(data)
            elif isinstance(event, Credentials):
                connection.write(_enter(event, challenge, command))
                connection.drain()
                return 1
            elif isinstance(event, Hangup):
                return 1
    except OSError:
        return 1


def _enter(credentials: Credentials, challenge: bytes, command: list[bytes]) -> bytes:
    """Run the checkpassword program to its end; the last words to the client, empty if all was said."""
    record = checkpassword.make_record(credentials.name, credentials.secret, challenge)
    try:
        status = checkpassword.run(command, record)
    except OSError:
        return b"-ERR unable to fork\r\n"
    if os.WIFSIGNALED(status):
        return b"-ERR aack, child crashed\r\n"
    return REFUSED if status else b""


def pop3d(maildir: bytes, now: int, connection: Connection) -> int:
    """Serve one maildir to the client that is logged in already. Exit status 0."""
    try:
        drop = open_maildrop(maildir, now, hides_young=True)
    except MailError as error:
        return _last_word(connection, b"-ERR %s\r\n" % error.text.encode())
    sizes = [message.size for message in drop.messages]
    names = [unique_name(message.path) for message in drop.messages]
    session = Transaction(CommandReader(LINE_LIMIT_BYTES), sizes, names, is_classic=True)
    try:
        connection.write(OK)
        _converse(connection, session, drop)
    except OSError:
        pass  # lost, silent or broken: nothing is deleted, nothing is moved
    return 0


def _last_word(connection: Connection, answer: bytes) -> int:
    try:
        connection.write(answer)
    except OSError:
        return 0
    return 0


def _converse(connection: Connection, session: Transaction, drop: Maildrop) -> None:
    while True:
        event = session.next_event()
        if isinstance(event, Retrieve):
            _send(connection, session, drop, event)
            continue
        if isinstance(event, Quit):
            failures = drop.delete(event.deletions, counts_gone=True)
            drop.keep(index for index in range(len(drop.messages)) if not session.is_deleted(index))
            session.left(failures)
            continue
        if output := session.take_output():
            connection.write(output)
        if event is NEED_DATA:
            data = connection.read()
            if not data:
                return
            session.receive(data)
        elif isinstance(event, Hangup):
            return


def _send(connection: Connection, session: Transaction, drop: Maildrop, asked: Retrieve) -> None:
    try:
        descriptor = drop.open_message(asked.position)
    except OSError:
        session.missing()
        return
    try:
        encoder = session.encoder(asked)
        waiting = session.take_output() + OK
        while not encoder.is_done and (piece := os.read(descriptor, PIECE_BYTES)):
            waiting += encoder.encode(piece)
            if len(waiting) >= PIECE_BYTES:  # a small message goes out in one packet, with its final dot
                connection.write(waiting)
                waiting = b""
        connection.write(waiting + encoder.finish())
    finally:
        os.close(descriptor)
    session.retrieved()
