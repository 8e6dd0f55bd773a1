"""qmail-qmqpc's work: a message and its envelope from two descriptors to the first QMQP server that takes them.

A server has nothing before the last byte of the request: until that is sent the next server may be tried, whatever
became of this one. After it the answer counts, and where none comes the message may have been queued: temporary, and
nobody else is asked.
"""

from __future__ import annotations

# `socket` itself costs as much as half of Python's start
import _socket
import errno
import os
import stat

from qmtwist.control import grammar
from qmtwist.mail.envelope import Envelope
from qmtwist.mail.shapes import Iterator, NamedTuple
from qmtwist.store.durable import write_all
from qmtwist.wire.envelope import BAD_FORMAT, EnvelopeError, EnvelopeReader, parse_records
from qmtwist.wire.qmqp import AnswerReader, Server, frame, parse_server

CONNECT_S = 10.0
TIMEOUT_S = 60.0
HELD_BYTES = 256 * 1024  # of a message from a pipe; a longer one is kept in a file
_READ_BYTES = 65536
_ANSWER_BYTES = 4096
_WANTS_MORE = 2  # ssl.SSL_ERROR_WANT_READ, the errno of an SSLWantReadError


class Exit:
    """Exit codes. (qmail-qmqpc(8))"""

    ACCEPTED = 0
    PERMANENT = 31
    WRITE = 53
    READ = 54
    CONTROLS = 55
    NO_SOCKET = 56
    HOME = 61
    TEMPORARY = 71
    TIMED_OUT = 72
    REFUSED = 73
    LOST = 74


_VERDICTS = {b"K": Exit.ACCEPTED, b"Z": Exit.TEMPORARY, b"D": Exit.PERMANENT}


class Outcome(NamedTuple):
    """`code` is the exit code, `text` what the server said: a `Z` or `D` and a sentence, empty if it said nothing.

    `is_final`: no other server may be asked.
    """

    code: int
    text: bytes = b""
    is_final: bool = True


class Failed(Exception):
    """The message cannot be sent to anybody; `code` is the exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Spool(NamedTuple):
    """A message that can be read again for another server: its bytes, or a file and where in it the message stands."""

    source: bytes | int
    start: int
    size: int

    def pieces(self) -> Iterator[bytes]:
        """The message from its beginning.

        :raises Failed: it cannot be read, or is shorter than it was.
        """
        if isinstance(self.source, bytes):
            yield self.source
            return
        at, end = self.start, self.start + self.size
        while at < end:
            try:
                piece = os.pread(self.source, min(_READ_BYTES, end - at), at)
            except OSError:
                raise Failed(Exit.READ) from None
            if not piece:
                raise Failed(Exit.READ)
            yield piece
            at += len(piece)


def forward(home: str, message: int, envelope: int) -> Outcome:
    """Hand what the two descriptors hold to a server of control/qmqpservers. The working directory changes."""
    try:
        servers = read_servers(home)
        spool = read_message(message)
        request = frame(spool.size, read_envelope(envelope))
        outcome = Outcome(Exit.CONTROLS)
        for server in servers:
            outcome = ask(server, request, spool)
            if outcome.is_final:
                break
        return outcome
    except (Failed, EnvelopeError) as failure:
        return Outcome(failure.code)


def read_servers(home: str) -> list[Server]:
    """The usable lines of control/qmqpservers, in order.

    :raises Failed: no home, no such file, or no such line.
    """
    try:
        os.chdir(home)
    except OSError:
        raise Failed(Exit.HOME) from None
    try:
        lines = grammar.read_list(".", "qmqpservers") or []
    except OSError:
        raise Failed(Exit.CONTROLS) from None
    servers = [server for line in lines if (server := parse_server(line)) is not None]
    if not servers:
        raise Failed(Exit.CONTROLS)
    return servers


# -- what is to be sent


def read_message(descriptor: int) -> Spool:
    """The message from where the descriptor stands: a file as it is, anything else read to its end.

    :raises Failed: it cannot be read, or is long and cannot be kept.
    """
    try:
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode):
            start = os.lseek(descriptor, 0, os.SEEK_CUR)
            return Spool(descriptor, start, max(0, status.st_size - start))
        held = b""
        while len(held) <= HELD_BYTES:
            piece = os.read(descriptor, _READ_BYTES)
            if not piece:
                return Spool(held, 0, len(held))
            held += piece
    except OSError:
        raise Failed(Exit.READ) from None
    return _keep(held, descriptor)


def _keep(data: bytes, descriptor: int) -> Spool:
    """These bytes and the rest of the descriptor, in a file without a name."""
    try:
        directory = os.environ.get("TMPDIR") or "/tmp"
        kept = os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError:
        raise Failed(Exit.WRITE) from None
    size = 0
    while data:
        try:
            write_all(kept, data)
        except OSError:
            raise Failed(Exit.WRITE) from None
        size += len(data)
        try:
            data = os.read(descriptor, _READ_BYTES)
        except OSError:
            raise Failed(Exit.READ) from None
    return Spool(kept, 0, size)


def read_envelope(descriptor: int) -> Envelope:
    """What the caller's envelope says.

    :raises Failed: it cannot be read.
    :raises EnvelopeError: it is malformed or not complete, or an address is too long for any queue.
    """
    reader, records = EnvelopeReader(), []
    try:
        while not reader.is_complete and (data := os.read(descriptor, _READ_BYTES)):
            records.append(reader.receive(data))
    except OSError:
        raise Failed(Exit.READ) from None
    if not reader.is_complete:
        raise EnvelopeError(BAD_FORMAT)
    return parse_records(b"".join(records))


# -- one server


def ask(server: Server, request: tuple[bytes, bytes], spool: Spool) -> Outcome:
    """Hand the message to one server: what stands before and after it, and itself.

    :raises Failed: the message cannot be read any more; the server has only a part of the request, and drops it.
    """
    family = _socket.AF_INET6 if ":" in server.address else _socket.AF_INET
    try:
        connection = _socket.socket(family, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    except OSError:
        return Outcome(Exit.NO_SOCKET, is_final=False)
    try:
        connection.settimeout(CONNECT_S)
        connection.connect((server.address, server.port))
        connection.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
    except OSError as error:
        connection.close()
        is_late = isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT
        return Outcome(Exit.TIMED_OUT if is_late else Exit.REFUSED, is_final=False)
    if server.tls is None:
        return _converse(connection, request, spool)
    from . import qmqptls  # slow to import, and most servers are spoken to in clear

    try:
        encrypted = qmqptls.start(connection, server, ".")
    except qmqptls.Trouble as trouble:
        return Outcome(Exit.CONTROLS if trouble.is_ours else Exit.REFUSED, b"Z" + trouble.why, is_final=False)
    return _converse(encrypted, request, spool)


def _converse(connection: _socket.socket, request: tuple[bytes, bytes], spool: Spool) -> Outcome:
    try:
        return converse(connection, request, spool)
    finally:
        connection.close()


def converse(connection: _socket.socket, request: tuple[bytes, bytes], spool: Spool) -> Outcome:
    """The same on a connection.

    :raises Failed: as `ask`.
    """
    answer = AnswerReader()
    is_over = False
    try:
        for piece, is_last in _gathered(request, spool.pieces()):
            # A server that has hung up, or speaks already, will not take the message: it must not become complete.
            if is_last and _is_early(connection, answer):
                is_over = True
                break
            connection.settimeout(TIMEOUT_S)
            _send(connection, piece)
    except OSError:
        is_over = True
    _hear(connection, answer, is_over)
    if is_over:
        # nothing was committed; only a permanent refusal of what it has seen counts
        is_refused = answer.letter == b"D"
        return Outcome(Exit.PERMANENT, b"D" + answer.text) if is_refused else Outcome(Exit.LOST, is_final=False)
    if not answer.letter:
        return Outcome(Exit.LOST)
    return Outcome(_VERDICTS[answer.letter], b"" if answer.letter == b"K" else answer.letter + answer.text)


def _is_early(connection: _socket.socket, answer: AnswerReader) -> bool:
    """Whether the server has said something already, or hung up. What it said is read: inside TLS there is also what
    belongs to TLS alone, and means nothing.
    """
    connection.settimeout(0)
    try:
        answer.receive(connection.recv(_ANSWER_BYTES))
    except OSError as error:
        return error.errno not in (errno.EAGAIN, _WANTS_MORE)
    return True


def _gathered(request: tuple[bytes, bytes], pieces: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """All of it in not too small pieces, and whether it is the last: a short request is one."""
    held, end = request
    for piece in pieces:
        held += piece
        if len(held) >= _READ_BYTES:
            yield held, False
            held = b""
    yield held + end, True


def _send(connection: _socket.socket, data: bytes) -> None:
    """:raises OSError: the connection is lost, or nothing could be written for a while."""
    view = memoryview(data)
    while view:
        view = view[connection.send(view) :]


def _hear(connection: _socket.socket, answer: AnswerReader, is_over: bool) -> None:
    """The answer as far as it comes; when it `is_over`, what is there already."""
    try:
        if is_over:
            connection.settimeout(0)
        while not (answer.is_complete or answer.is_bad) and (data := connection.recv(_ANSWER_BYTES)):
            answer.receive(data)
    except OSError:
        pass  # what has come counts
