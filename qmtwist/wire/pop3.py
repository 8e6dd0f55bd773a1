"""POP3: commands in, answers out; the transaction phase. (RFC 1939, RFC 2449; qmail-pop3d(8))

Two manners of speaking share this core. *Classic* is qmail-pop3d to the byte, with what its users complain of: STAT
counts deleted messages, a blank line is added to each message, numbers wrap, CAPA is unknown. *Modern*, the
daemon's, keeps qmail's words and mends these.
"""

from __future__ import annotations

from qmtwist.mail.shapes import Callable, NamedTuple, Sequence

from .pop3_command import CommandReader, leading_number
from .pop3_message import MessageEncoder
from .pop3_phase import SYNTAX, Flush, Hangup, Phase
from .session import Pause

OK = b"+OK \r\n"  # the blank belongs to it: monitoring scripts look for it
UNIMPLEMENTED = b"-ERR unimplemented\r\n"
NOT_FOUND = b"-ERR unable to open that message\r\n"
NOT_DELETED = b"-ERR unable to unlink all deleted messages\r\n"
CAPABILITIES = (
    b"+OK \r\nTOP\r\nUIDL\r\nUSER\r\nRESP-CODES\r\nPIPELINING\r\nEXPIRE NEVER\r\nIMPLEMENTATION qmtwist\r\n.\r\n"
)

_WORD = 1 << 64
_UID_BYTES = bytes(range(0x21, 0x7F))


class Retrieve(NamedTuple):
    """RETR or TOP: message `position` (from 0), and how many lines of the body; None is all of it."""

    position: int
    lines: int | None


class Quit(NamedTuple):
    """The client has said QUIT: delete these messages (positions from 0, ascending) and let go of the mailbox."""

    deletions: tuple[int, ...]


Event = Retrieve | Quit | Flush | Hangup | Pause


def unique_id(name: bytes) -> bytes:
    """A file name's unique-id in the RFC's form: 1 to 70 visible ASCII bytes; another name is hashed. (RFC 1939 §7)

    >>> unique_id(b"1000.1.host"), len(unique_id(b"x" * 71))
    (b'1000.1.host', 64)
    """
    if 0 < len(name) <= 70 and not name.translate(None, _UID_BYTES):
        return name
    from hashlib import sha256  # here, because few names need it and its import costs a short-lived program 3 ms

    return sha256(name).hexdigest().encode()


class Transaction(Phase):
    """The transaction phase over a mailbox that was listed once. Made after login; lives as long as the connection.

    `sizes` in bytes and `names` (file names up to the colon) are in the order of the message numbers. RETR, TOP and
    QUIT become events, and commands behind them wait for `retrieved`, `missing` or `left`.
    """

    unknown = UNIMPLEMENTED
    limit_bytes = 32 * 1024

    def __init__(
        self, commands: CommandReader, sizes: Sequence[int], names: Sequence[bytes], is_classic: bool = False
    ) -> None:
        super().__init__(commands, is_classic)
        self._sizes = sizes
        self._names = names
        self._deleted: set[int] = set()
        self._last = 0
        self.retrievals = 0  # messages sent whole or in part, for the log

    def next_event(self) -> Event:
        """What is to be done now; simple commands are answered on the way, see `take_output`."""
        event: Event = self._next()
        return event

    def encoder(self, asked: Retrieve) -> MessageEncoder:
        """What turns the message that was asked for into the answer, which begins with `OK`."""
        return MessageEncoder(asked.lines, self._is_classic)

    def retrieved(self) -> None:
        """The message was sent to its end."""
        self._is_waiting = False
        self.retrievals += 1

    def missing(self) -> None:
        """The message is gone or cannot be read."""
        self._is_waiting = False
        self._say(NOT_FOUND)

    def left(self, failures: int) -> None:
        """The mailbox has been let go of; so many messages could not be deleted."""
        self._is_waiting = False
        self._is_over = True
        if failures and not self._is_classic:
            self._say(NOT_DELETED)  # RFC 1939 §6: one answer
        else:
            self._say(NOT_DELETED * failures + OK)

    def is_deleted(self, index: int) -> bool:
        """Whether the message is marked as deleted."""
        return index in self._deleted

    def _message(self, argument: bytes) -> int | None:
        """The index of the message that an argument names; None: refused, and said so."""
        number, rest = leading_number(argument)
        if number is not None and not self._is_classic and len(argument) - len(rest) > 18:
            number = _WORD  # no mailbox has that many; only qmail's own numbers wrap
        if number is None:
            self._say(SYNTAX)
        elif number == 0:
            self._say(b"-ERR messages are counted from 1\r\n")
        elif number > len(self._sizes):
            self._say(b"-ERR not that many messages\r\n")
        elif number - 1 in self._deleted:
            self._say(b"-ERR already deleted\r\n")
        else:
            return number - 1
        return None

    def _stat(self, argument: bytes) -> None:
        total = sum(self._sizes) - sum(self._sizes[index] for index in self._deleted)
        count = len(self._sizes) - (0 if self._is_classic else len(self._deleted))
        self._say(b"+OK %d %d\r\n" % (count, total))

    def _listing(self, argument: bytes, value: Callable[[int], bytes]) -> None:
        if argument:
            index = self._message(argument)
            if index is not None:
                self._say(b"+OK %d %s\r\n" % (index + 1, value(index)))
            return
        kept = range(len(self._sizes))
        lines = [b"%d %s\r\n" % (index + 1, value(index)) for index in kept if index not in self._deleted]
        self._say(OK + b"".join(lines) + b".\r\n")

    def _list(self, argument: bytes) -> None:
        sizes = self._sizes
        self._listing(argument, lambda index: b"%d" % sizes[index])

    def _uidl(self, argument: bytes) -> None:
        names = self._names
        if self._is_classic:
            self._listing(argument, lambda index: names[index])
        else:
            self._listing(argument, lambda index: unique_id(names[index]))

    def _retr(self, argument: bytes) -> Retrieve | None:
        """RETR and TOP are one command in qmail: a second number is a count of lines, without one all is sent."""
        index = self._message(argument)
        if index is None:
            return None
        count, _ = leading_number(leading_number(argument)[1].lstrip(b" "))
        return Retrieve(index, None if count is None or count == _WORD - 1 else count)

    def _dele(self, argument: bytes) -> None:
        index = self._message(argument)
        if index is not None:
            self._deleted.add(index)
            self._last = max(self._last, index + 1)
            self._say(OK)

    def _rset(self, argument: bytes) -> None:
        self._deleted.clear()
        self._last = 0
        self._say(OK)

    def _last_number(self, argument: bytes) -> None:
        self._say(b"+OK %d\r\n" % self._last)

    def _noop(self, argument: bytes) -> None:
        self._say(OK)

    def _capa(self, argument: bytes) -> None:
        self._say(CAPABILITIES)

    def _quit(self, argument: bytes) -> Quit:
        return Quit(tuple(sorted(self._deleted)))


Transaction.actions = {
    b"STAT": Transaction._stat,
    b"LIST": Transaction._list,
    b"UIDL": Transaction._uidl,
    b"RETR": Transaction._retr,
    b"TOP": Transaction._retr,
    b"DELE": Transaction._dele,
    b"RSET": Transaction._rset,
    b"LAST": Transaction._last_number,
    b"NOOP": Transaction._noop,
    b"CAPA": Transaction._capa,
    b"QUIT": Transaction._quit,
}
