"""QMTP: the client's side, without a socket. (Bernstein, Quick Mail Transfer Protocol)

A message goes as one package, `NS(LF message) NS(sender) NS(NS(recipient)...)`, and the answer is a netstring for each
recipient, in order: `K`, `Z` or `D` and a text. Nothing is answered before the last byte of the package has come, so
a connection that is lost behind it may have delivered the message.
"""

from __future__ import annotations

from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import Final

from .netstring import netstring
from .outgoing import BLOCK_BYTES, Capabilities, Ended, Event, Lost, Ready, SendBody, StartTls, Transaction, Wait
from .remotereport import Result, accepted, died, disliked, giving_up
from .session import NEED_ANSWER, NEED_DATA, Pause

ANSWER_LIMIT = 200_000_000  # bytes of one answer (qmail's limit for a netstring)
KEPT_BYTES = 5000  # of an answer, for the report

_READY, _BODY, _ANSWERS, _OVER, _TLS = range(5)
_WAITS: Final = (Wait.NOTHING, Wait.BLOCK, Wait.FINAL, Wait.NOTHING, Wait.TLS)
_LENGTH_DIGITS = len(str(ANSWER_LIMIT))
_SHOWN = bytes(byte if 32 <= byte <= 126 else 63 for byte in range(256))


class AnswerReader:
    """Cuts a server's bytes into answers, however they are chunked. Of a long answer only the beginning is kept."""

    __slots__ = ("_buffer", "_kept", "_left")

    def __init__(self) -> None:
        self._buffer = b""
        self._kept = b""
        self._left = -1  # bytes of the payload that have not come; -1: its length is not known

    def receive(self, data: bytes) -> None:
        """Take what was read."""
        self._buffer += data

    @property
    def has_unread(self) -> bool:
        """Whether something has come that was not looked at."""
        return bool(self._buffer)

    def next_answer(self) -> tuple[bytes, bytes] | None:
        """Letter and text of the next answer; None: it has not come.

        :raises Malformed: no length, one above the limit, no comma, or a letter that is none of K, Z and D.
        """
        if self._left < 0 and not self._read_length():
            return None
        if self._left:
            self._read_payload()
        if self._left or not self._buffer:
            return None
        letter, text = self._kept[:1], self._kept[1:]
        if self._buffer[:1] != b"," or letter not in (b"K", b"Z", b"D"):
            raise Malformed("bad answer")
        self._buffer, self._kept, self._left = self._buffer[1:], b"", -1
        return letter, text

    def _read_length(self) -> bool:
        colon = self._buffer.find(b":", 0, _LENGTH_DIGITS + 1)
        digits = self._buffer[: colon if colon >= 0 else _LENGTH_DIGITS + 1]
        if colon < 0 and not digits:
            return False
        # The length is bounded before it is turned into a number.
        if not digits.isdigit() or len(digits) > _LENGTH_DIGITS or not int(digits) <= ANSWER_LIMIT:
            raise Malformed("bad answer length")
        if colon < 0:
            return False
        self._left = int(digits)
        self._buffer = self._buffer[len(digits) + 1 :]
        return True

    def _read_payload(self) -> None:
        payload = self._buffer[: self._left]
        self._left -= len(payload)
        self._kept += payload[: KEPT_BYTES - len(self._kept)]
        self._buffer = self._buffer[len(payload) :]


class QmtpClient:
    """One connection to a QMTP server; the same verbs and events as the SMTP `ClientSession`.

    Made by a shell when it is connected. `Ready` comes at once; with `is_encrypted` (QMTPS) that is after `StartTls`,
    which comes before anything else and is answered with `tls_started` or `tls_failed`. One transaction at a time, any
    number of them down one connection. A recipient that was accepted stays accepted, whatever becomes of the connection
    afterwards.
    """

    __slots__ = (
        "_address", "_answers", "_event", "_held_bytes", "_is_early", "_left", "_output", "_records", "_said", "_state",
        "_transaction", "turn",
    )  # fmt: skip

    def __init__(self, address: bytes, is_encrypted: bool = False) -> None:
        self._address = address
        self._answers = AnswerReader()
        self._output: list[bytes] = []
        self._held_bytes = 0  # of the message, since the last write
        self._event: Event | None = StartTls() if is_encrypted else _is_ready()
        self._state = _TLS if is_encrypted else _READY
        self._transaction = Transaction(b"", (), 0, False)
        self._left = 0  # bytes of the message that have not been fed
        self._records: list[tuple[bytes, bytes]] = []
        self._said = b""  # what came with the first recipient that was accepted
        self._is_early = False  # an answer began before the package was complete
        self.turn = 0

    # -- what the connection does

    def receive(self, data: bytes) -> None:
        """Take what was read; call `next_event` until it pauses."""
        if self._state != _OVER:
            self._answers.receive(data)

    def eof(self) -> None:
        """The connection has ended, in order or with an error. Call it when `next_event` has paused."""
        if self._state == _READY and isinstance(self._event, Ended):
            self._state, self._event = _OVER, Ended(self._event.result, False)
        elif self._state in (_READY, _TLS):
            self._event = self._lose(None, True)
        elif self._state != _OVER:
            # a package that is not complete is thrown away
            is_complete = self._state == _ANSWERS
            self._event = self._lose(self._unanswered(died(self._address, is_complete)), not is_complete)

    def timed_out(self) -> None:
        """The time of this turn is over. The shell closes the connection after the event."""
        self.eof()

    @property
    def wait(self) -> Wait:
        """What is due from the other side."""
        return _WAITS[self._state]

    def take_output(self) -> bytes:
        """What has not been written yet. Of a message less than a block is kept back, to leave with its end."""
        if self._state == _BODY and self._held_bytes < BLOCK_BYTES:
            return b""
        self._held_bytes = 0
        data = b"".join(self._output)
        self._output.clear()
        return data

    # -- what the shell wants

    def tls_started(self) -> None:
        """What follows is encrypted."""
        assert self._state == _TLS
        self._state, self._event = _READY, _is_ready()
        self.turn += 1

    def tls_failed(self, why: bytes) -> None:
        """The handshake failed, or the certificate is not good enough. `why` is a phrase for the report."""
        assert self._state == _TLS
        text = b"Connected to %s but TLS failed: %s. (#4.7.5)\n" % (self._address, why)
        self._event = self._lose(Result((), b"Z", text), True)

    def begin(self, transaction: Transaction) -> None:
        """Begin a transaction: after `Ready`, or after an `Ended` that is reusable. `size_bytes` must be exact."""
        assert self._state == _READY
        self._transaction, self._left = transaction, transaction.size_bytes
        self._records, self._said = [], b""
        if self._answers.has_unread:
            self._event = self._lose(self._unanswered(self._spoke()), True)
        elif not transaction.recipients:
            self._event = Ended(Result((), b"D", giving_up(self._address)), True)
        else:
            self.turn += 1
            # the first byte says that lines end with LF
            self._output.append(b"%d:\n" % (transaction.size_bytes + 1))
            self._state = _BODY
            self._event = SendBody()

    def body(self, piece: bytes) -> None:
        """The next piece of the message: LF text, cut anywhere. Not looked at when the connection was lost."""
        if self._state == _BODY:
            self.turn += 1
            self._left -= len(piece)
            if self._left < 0:
                self._spoil()
            else:
                self._held_bytes += len(piece)
                self._output.append(piece)

    def end_body(self) -> None:
        """The message was fed completely."""
        if self._state != _BODY:
            return
        if self._left:
            self._spoil()
            return
        sender, recipients = self._transaction.sender, self._transaction.recipients
        self._output.append(b"," + netstring(sender) + netstring(b"".join(map(netstring, recipients))))
        self._is_early = self._answers.has_unread
        self.turn += 1
        self._state = _ANSWERS

    def quit(self) -> None:
        """The session is over."""
        self._state = _OVER

    # -- what the shell gets

    def next_event(self) -> Event | Pause:
        """What happens next."""
        if self._event is None:
            self._event = self._read()
        if self._event is None:
            return NEED_DATA if self._state in (_ANSWERS, _OVER) else NEED_ANSWER
        event, self._event = self._event, None
        return event

    def _read(self) -> Event | None:
        if self._state == _ANSWERS:
            try:
                return self._read_answers()
            except Malformed:
                text = b"Connected to %s but its answer made no sense. Possible duplicate! (#4.5.0)\n"
                return self._lose(self._unanswered(text % self._address), False)
        if self._state == _OVER or not self._answers.has_unread:
            return None
        # nothing has been asked
        return self._lose(None if self._state == _READY else self._unanswered(self._spoke()), True)

    def _read_answers(self) -> Event | None:
        records, recipients = self._records, self._transaction.recipients
        if self._is_early:
            raise Malformed("an answer before the question")
        while len(records) < len(recipients):
            answer = self._answers.next_answer()
            if answer is None:
                return None
            self.turn += 1
            records.append(self._record(*answer))
        self._state = _READY
        return Ended(self._unanswered(giving_up(self._address)), True)

    # -- how it ends

    def _lose(self, result: Result | None, may_try_next_host: bool) -> Event:
        self._state = _OVER
        return Lost(result, may_try_next_host)

    def _spoil(self) -> None:
        """The message is not as long as it was said to be: the package must not become complete."""
        self._output.clear()
        self._event = self._lose(Result((), b"Z", b"Unable to read message. (#4.3.0)\n"), False)

    def _spoke(self) -> bytes:
        return b"Connected to %s but it spoke out of turn. (#4.5.0)\n" % self._address

    def _record(self, letter: bytes, text: bytes) -> tuple[bytes, bytes]:
        said = text.translate(_SHOWN) + b"\n"
        if letter == b"K":
            self._said = self._said or said
            return b"r", b""
        return b"h" if letter == b"D" else b"s", disliked(self._address, said)

    def _unanswered(self, text: bytes) -> Result:
        """The result when no more answers come: `text` is what those know who have none."""
        records, missing = self._records, len(self._transaction.recipients) - len(self._records)
        if self._said:
            # who was accepted has the message
            records += [(b"s", text)] * missing
            return Result(tuple(records), b"K", accepted(self._address, self._said))
        return Result(tuple(records), b"Z" if missing else b"D", text)


def _is_ready() -> Event:
    return Ready(Capabilities(has_eight_bit=True))
