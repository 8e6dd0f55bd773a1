"""QMQP, both sides, without a socket. (Bernstein, Quick Mail Queueing Protocol; qmail-qmqpd(8), qmail-qmqpc(8))

A request is `NS( NS(message) NS(sender) NS(recipient)... )`, one for a connection; it is answered by one netstring for
the whole message. Lines end with LF, and the bytes are stored as they are.
"""

from __future__ import annotations

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.literal import parse_address
from qmtwist.mail.shapes import NamedTuple

from .netstring import netstring
from .package import PackageSession, Steps

BAD_ADDRESS = b"Dsorry, I can't accept addresses like that (#5.1.3)"
TOO_MANY_RECIPIENTS = b"Dsorry, too many recipients (#5.5.3)"
PORT = 628
TLS_PORT = 6280  # nobody has assigned one
TLS_MARK = b"/tls"
TEXT_BYTES = 254  # of a server's text that are kept: more is not looked at by callers of a queue program
LENGTH_DIGITS = 20  # of an answer


class QmqpServer(PackageSession):
    """One client's request. Made by a listener or by qmail-qmqpd, and over with the answer. Senders and recipients are
    not offered: whoever may use QMQP may name any. There may be no recipient at all.
    """

    __slots__ = ()

    def _run(self) -> Steps:
        self._budget = yield from self._length()
        yield from self._message((yield from self._length()), False)
        limit = self._limits.max_address_bytes
        sender = yield from self._address(limit)
        is_bad = sender is None
        recipients: list[bytes] = []
        while self._budget:
            recipient = yield from self._address(limit)
            if recipient is None:
                is_bad = True
            elif len(recipients) <= self._limits.max_recipients:
                recipients.append(recipient)
        self._budget = -1
        yield from self._comma()
        if is_bad:
            yield from self._spoil(BAD_ADDRESS)
        elif len(recipients) > self._limits.max_recipients:
            yield from self._spoil(self._fault or TOO_MANY_RECIPIENTS)
        yield from self._end(Envelope(sender or b"", tuple(recipients)))
        self._say(self._answer)
        self.is_in_message = False


# -- the client's side


class Server(NamedTuple):
    """Where a QMQP server listens. `tls`: how it is spoken to inside TLS, as a value of control/tlspolicy; empty: as
    that file says; None: in clear.
    """

    address: str
    port: int = PORT
    tls: bytes | None = None


def parse_server(line: bytes) -> Server | None:
    """A line of control/qmqpservers: `192.0.2.1`, `192.0.2.1:6280`, `2001:db8::1` or `[2001:db8::1]:6280`; None if it
    is no address. What follows a space, or a colon without a number, is passed over, as in qmail all that follows.
    With `/tls` or `/tls:POLICY` at its end the server is spoken to inside TLS; any other slash makes a line useless,
    so that nothing goes out in clear for a typing error.

    >>> parse_server(b"192.0.2.1:628"), parse_server(b"[::1]"), parse_server(b"mail.example.net")
    (Server(address='192.0.2.1', port=628, tls=None), Server(address='::1', port=628, tls=None), None)
    >>> parse_server(b"192.0.2.1/tls:encrypt")
    Server(address='192.0.2.1', port=6280, tls=b'encrypt')
    """
    word, slash, mark = (line.split() or [b""])[0].partition(b"/")
    tls = None
    if slash:
        head, colon, tls = (slash + mark).partition(b":")
        if head.lower() != TLS_MARK or (colon and not tls):
            return None
    found = _parse_place(word, PORT if tls is None else TLS_PORT)
    return None if found is None else Server(*found, tls)


def _parse_place(word: bytes, usual_port: int) -> tuple[str, int] | None:
    host, rest = word, b""
    if word[:1] == b"[":
        host, bracket, rest = word[1:].partition(b"]")
        if not bracket:
            return None
    elif word.count(b":") < 2 or b"." in word.partition(b":")[0]:
        end = len(word) - len(word.lstrip(b"0123456789."))
        host, rest = word[:end], word[end:]
    address = parse_address(host)
    if address is None:
        return None
    digits = rest[1:] if rest[:1] == b":" else b""
    if not digits.isdigit():
        return address, usual_port
    port = int(digits) if len(digits) <= 5 else 0
    return (address, port) if 0 < port < 65536 else None


def frame(size: int, envelope: Envelope) -> tuple[bytes, bytes]:
    """What stands before and after a message of `size` bytes in a request.

    >>> frame(3, Envelope(b"s", (b"r",)))
    (b'14:3:', b',1:s,1:r,,')
    """
    begin = b"%d:" % size
    end = b"," + netstring(envelope.sender) + b"".join(map(netstring, envelope.recipients))
    return b"%d:%s" % (len(begin) + size + len(end), begin), end + b","


class AnswerReader:
    """Reads the answer to a request, however it is chunked; of a long text only the beginning is kept.

    `letter` is `K`, `Z` or `D` as soon as it is known. It counts even if the answer is cut off behind it: the server
    has decided. `is_bad`: this is no answer.
    """

    __slots__ = ("_head", "_left", "is_bad", "is_complete", "letter", "text")

    def __init__(self) -> None:
        self._head = b""  # the length, until its colon has come
        self._left = TEXT_BYTES
        self.letter = b""
        self.text = b""
        self.is_bad = self.is_complete = False

    def receive(self, data: bytes) -> None:
        """Take what was read."""
        if not self.letter and not self.is_bad:
            self._head += data
            data = self._read_head()
        if self.letter and not self.is_complete:
            self.text += data[: self._left]
            self._left -= min(len(data), self._left)
            self.is_complete = not self._left

    def _read_head(self) -> bytes:
        rest = self._head.lstrip(b"0123456789")
        digits = self._head[: len(self._head) - len(rest)]
        if rest[:1] == b":":
            rest = rest[1:]
        if len(digits) > LENGTH_DIGITS:
            self.is_bad = True
        elif rest:
            self.letter, rest = rest[:1], rest[1:]
            self.is_bad = self.letter not in (b"K", b"Z", b"D")
            if self.is_bad:
                self.letter = b""
            elif digits:
                self._left = min(max(0, int(digits) - 1), TEXT_BYTES)
        return rest
