"""ServerSession: the receiving side of SMTP, without a socket. (RFC 5321, 1870, 2034, 2920, 6152; qmail-smtpd(8))

The caller pumps: give it what was read (`receive`), take events (`next_event`) until a `Pause`, answer the questions,
write `take_output()`. While a question is open nothing that came behind it is read, so replies to pipelined commands
keep their order and leave in one write.

One module and plain code on purpose: this runs for every message (bench/smtp_session.py).
"""

from __future__ import annotations

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import Callable, Enum
from qmtwist.wire.session import NEED_ANSWER, NEED_DATA, Pause

from . import reply as replies
from .command import UnknownParameter, parse_mail_parameters, parse_path
from .data import DataReader
from .events import (
    Closed,
    Content,
    Event,
    MessageEnded,
    MessageOffered,
    MessageSpoiled,
    NodeOffered,
    RecipientOffered,
    Refused,
    SenderOffered,
    Terms,
)
from .reply import Reply

HOP_LIMIT = 100  # Received and Delivered lines of a message that loops (qmail-smtpd)
FREE_ERRORS = 5  # errors of a session that are answered at once; the next waits a second, the one after it two


class Question(Enum):
    """What the caller has not answered yet."""

    NONE = 0
    SENDER = 1
    RECIPIENT = 2
    DATA = 3
    MESSAGE = 4
    DELAY = 5
    NODE = 6


# a global is found faster than an attribute of an enum, and these are compared for every command
_NONE, _SENDER, _RECIPIENT, _DATA, _MESSAGE, _DELAY, _NODE = Question


class ServerSession:
    """One client's conversation. Made by a listener or by qmail-smtpd for a connection, and lives as long."""

    __slots__ = (
        "_at", "_body", "_buffer", "_delayed", "_errors", "_held", "_idle", "_is_over", "_is_skipping", "_is_spoiled",
        "_offered", "_output", "_question", "_recipients", "_sender", "_terms", "helo", "is_extended",
    )  # fmt: skip

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._buffer = b""
        self._at = 0  # where the unread part of the buffer begins
        self._output: list[bytes] = [terms.banner]
        self._held: list[Event] = []
        self._question = _NONE
        self._offered = b""
        self._delayed: Reply | None = None
        self._sender: bytes | None = None
        self._recipients: list[bytes] = []
        self._body: DataReader | None = None
        self._is_spoiled = self._is_skipping = self._is_over = False
        self._errors = self._idle = 0
        self.helo: bytes | None = None  # the name in HELO or EHLO; None: the client said neither
        self.is_extended = False  # the client said EHLO

    # -- what the caller gives

    def receive(self, data: bytes) -> None:
        """Take what was read; after the end it is not looked at."""
        if self._is_over:
            return
        self._buffer = self._buffer[self._at :] + data if self._at < len(self._buffer) else data
        self._at = 0

    def eof(self) -> None:
        """The client sends nothing more. Call it when `next_event` gave NEED_DATA."""
        where = b" in the middle of a message" if self._body is not None else b""
        self._close(b"the client closed the connection" + where)

    def abort(self, reply: Reply, reason: bytes) -> None:
        """End the session from our side; an open question is forgotten."""
        if not self._is_over:
            self._question = _NONE
            self._say(reply)
            self._close(reason)

    def take_output(self) -> bytes:
        """The replies that have not been written yet."""
        output = self._output
        if not output:
            return b""
        data = output[0] if len(output) == 1 else b"".join(output)
        output.clear()
        return data

    @property
    def is_in_message(self) -> bool:
        """Whether the client is sending a message now."""
        return self._body is not None

    @property
    def has_input(self) -> bool:
        """Whether something that was received waits to be read."""
        return self._at < len(self._buffer)

    # -- answers

    def accept(self, address: bytes) -> None:
        """Take the offered sender or recipient, as the address `address`."""
        question, self._question = self._question, _NONE
        if question is _SENDER:
            self._sender, self._recipients = address, []
            self._say(replies.SENDER_OK)
        else:
            assert question is _RECIPIENT
            self._recipients.append(address)
            self._say(replies.RECIPIENT_OK)

    def go_ahead(self) -> None:
        """The offered message can be stored: ask for it."""
        assert self._question is _DATA
        self._question, self._is_spoiled = _NONE, False
        self._body = DataReader()
        self._say(replies.GO_AHEAD)

    def stored(self, now: int, number: int) -> None:
        """The message is safe under this number. `now` is in POSIX seconds."""
        assert self._question is _MESSAGE
        self._question = _NONE
        code = b"250 2.0.0 ok" if self.is_extended else b"250 ok"
        self._output.append(b"%s %d qp %d\r\n" % (code, now, number))

    def refuse(self, reply: Reply) -> None:
        """Say no to what was offered. A 5xx to a sender or recipient counts as an error of the client."""
        question, self._question = self._question, _NONE
        is_address = question is _SENDER or question is _RECIPIENT
        about = b"<%s>" % self._offered if is_address else b"the message"
        self._held.insert(0, self._refuse(about, reply, is_error=is_address and reply.code >= 500))

    def tell(self, reply: Reply) -> None:
        """Answer ETRN."""
        assert self._question is _NODE
        self._question = _NONE
        self._say(reply)

    def resume(self) -> None:
        """The delay of a `Refused` is over."""
        if self._question is _DELAY and self._delayed is not None:
            self._question = _NONE
            self._say(self._delayed)
            self._delayed = None

    # -- what the caller gets

    def next_event(self) -> Event | Pause:
        """What happens next in the bytes received so far."""
        while True:
            if self._held:
                return self._held.pop(0)
            if self._question is not _NONE:
                return NEED_ANSWER
            if self._is_over:
                return NEED_DATA
            event: Event | None
            if self._body is not None:
                if self._at >= len(self._buffer):
                    return NEED_DATA
                event = self._read_body(self._body)
            else:
                end = self._buffer.find(b"\n", self._at)
                if end < 0:
                    return self._keep_partial_line()
                start, self._at = self._at, end + 1
                event = self._run(self._buffer[start:end])
            if event is not None:
                return event

    def _keep_partial_line(self) -> Pause:
        if self._at:  # an idle session does not keep what was read
            self._buffer, self._at = self._buffer[self._at :], 0
        longest = self._terms.limits.max_command_bytes + 1  # a CR may be the last of them
        if self._is_skipping or len(self._buffer) > longest:
            self._is_skipping, self._buffer = True, b""
        return NEED_DATA

    def _run(self, line: bytes) -> Event | None:
        if line[-1:] == b"\r":
            line = line[:-1]
        if self._is_skipping or len(line) > self._terms.limits.max_command_bytes:
            self._is_skipping = False
            return self._refuse(b"a long command line", replies.LINE_TOO_LONG)
        is_cut = b"\0" in line
        if is_cut:
            line = line[: line.index(b"\0")]  # qmail's programs do not see what follows a NUL
        verb, _, argument = line.partition(b" ")
        command = _COMMANDS.get(verb.upper())
        if command is None:
            return self._refuse(line, replies.UNIMPLEMENTED)
        if is_cut and command is ServerSession._rcpt:
            return self._refuse(line, replies.SYNTAX)  # but mail does not go to what a NUL left of an address
        return command(self, argument.lstrip(b" "))

    # -- commands

    def _hello(self, argument: bytes, is_extended: bool) -> None:
        if self._is_idling():
            return
        self.helo, self.is_extended = argument, is_extended
        self._sender = None
        self._output.append(self._terms.ehlo if is_extended else self._terms.helo)

    def _helo(self, argument: bytes) -> None:
        self._hello(argument, False)

    def _ehlo(self, argument: bytes) -> None:
        self._hello(argument, True)

    def _mail(self, argument: bytes) -> Event | None:
        if self._sender is not None and self._is_idling():
            return None
        try:
            address, rest = parse_path(argument)
            size = parse_mail_parameters(rest).size if rest and self.is_extended else 0
        except UnknownParameter:
            return self._refuse(b"MAIL " + argument, replies.UNKNOWN_PARAMETER)
        except Malformed as trouble:
            is_path = trouble.text == "syntax error"
            return self._refuse(b"MAIL " + argument, replies.SYNTAX if is_path else replies.BAD_PARAMETER)
        if 0 < self._terms.limits.databytes < size:
            # RFC 1870 §6.1: a message known to be too big is refused before it is sent
            return self._refuse(b"<%s>" % address, replies.TOO_BIG, is_error=False)
        self._question, self._offered = _SENDER, address
        return SenderOffered(address)

    def _rcpt(self, argument: bytes) -> Event | None:
        if self._sender is None:
            return self._refuse(b"RCPT " + argument, replies.SENDER_FIRST)
        try:
            address, rest = parse_path(argument)
        except Malformed:
            return self._refuse(b"RCPT " + argument, replies.SYNTAX)
        if rest and self.is_extended and rest.strip():
            return self._refuse(b"RCPT " + argument, replies.UNKNOWN_PARAMETER)
        if len(self._recipients) >= self._terms.limits.max_recipients:
            return self._refuse(b"<%s>" % address, replies.TOO_MANY_RECIPIENTS, is_error=False)
        self._question, self._offered = _RECIPIENT, address
        return RecipientOffered(address)

    def _data(self, argument: bytes) -> Event | None:
        if self._sender is None:
            return self._refuse(b"DATA", replies.SENDER_FIRST)
        if not self._recipients:
            return self._refuse(b"DATA", replies.RECIPIENT_FIRST)
        self._question = _DATA
        return MessageOffered(self._sender, tuple(self._recipients))

    def _rset(self, argument: bytes) -> None:
        if not self._is_idling():
            self._sender = None
            self._say(replies.FLUSHED)

    def _noop(self, argument: bytes) -> None:
        if not self._is_idling():
            self._say(replies.OK)

    def _help(self, argument: bytes) -> None:
        if not self._is_idling():
            self._say(replies.HELP)

    def _vrfy(self, argument: bytes) -> None:
        if not self._is_idling():
            self._say(replies.VERIFY)

    def _etrn(self, argument: bytes) -> Event | None:
        if not self._terms.has_etrn:
            return self._refuse(b"ETRN " + argument, replies.UNIMPLEMENTED)
        if self._sender is not None:
            return self._refuse(b"ETRN", replies.NOT_NOW)  # RFC 1985 §5.2: not in a transaction
        if not argument.strip(b"@# "):
            return self._refuse(b"ETRN", replies.NO_NODE)
        if self._is_idling():
            return None
        self._question = _NODE
        return NodeOffered(argument.strip())

    def _quit(self, argument: bytes) -> None:
        self._say(self._terms.goodbye)
        self._close(b"quit")

    # -- the message

    def _read_body(self, body: DataReader) -> Event | None:
        data = self._buffer[self._at :] if self._at else self._buffer
        content, rest = body.receive(data)
        self._buffer, self._at = rest or b"", 0
        if body.has_bare_lf:
            # What a bare LF began is not ours to interpret: nothing behind it is read any more.
            event = self._refuse(b"the message", replies.BARE_LF, is_error=False)
            self._close(b"bare line feed")
            return event
        fault = self._fault(body)
        if rest is None:
            if fault is None:
                return Content(content) if content else None
            is_news, self._is_spoiled = not self._is_spoiled, True
            return MessageSpoiled() if is_news else None
        return self._end_message(body.size, content, fault)

    def _fault(self, body: DataReader) -> Reply | None:
        if body.hops >= HOP_LIMIT:
            return replies.LOOPING
        if 0 < self._terms.limits.databytes < body.size:
            return replies.TOO_BIG
        return replies.BARE_CR if body.has_bare_cr else None

    def _end_message(self, size: int, content: bytes, fault: Reply | None) -> Event | None:
        assert self._sender is not None
        envelope = Envelope(self._sender, tuple(self._recipients))
        self._body, self._sender, self._idle = None, None, 0
        if fault is not None:
            event = self._refuse(b"the message", fault, is_error=False)
            if self._is_spoiled:
                return event
            self._held.append(event)
            return MessageSpoiled()
        self._question = _MESSAGE
        return MessageEnded(content, envelope, size)

    # -- replies and limits

    def _say(self, reply: Reply) -> None:
        self._output.append(reply.enhanced if self.is_extended else reply.plain)

    def _refuse(self, about: bytes, reply: Reply, is_error: bool = True) -> Refused:
        """Say no; an error counts, and later ones are answered more slowly, until the session is ended."""
        delay_s = 0
        if is_error:
            self._errors += 1
            if self._errors > self._terms.limits.max_errors:
                self._say(replies.TOO_MANY_ERRORS)
                self._close(b"too many errors")
                return Refused(about, reply, 0)
            if self._terms.is_slowing:
                delay_s = max(0, self._errors - FREE_ERRORS)
        if delay_s:
            self._question, self._delayed = _DELAY, reply
        else:
            self._say(reply)
        return Refused(about, reply, delay_s)

    def _is_idling(self) -> bool:
        """Count a command that brings no mail nearer; True: it was one too many, and the session is over."""
        self._idle += 1
        if self._idle <= self._terms.limits.max_idle_commands:
            return False
        self._say(replies.TOO_MANY_COMMANDS)
        self._close(b"too many commands without mail")
        return True

    def _close(self, reason: bytes) -> None:
        if not self._is_over:
            self._is_over = True
            self._held.append(Closed(reason))


_COMMANDS: dict[bytes, Callable[[ServerSession, bytes], Event | None]] = {
    b"HELO": ServerSession._helo,
    b"EHLO": ServerSession._ehlo,
    b"MAIL": ServerSession._mail,
    b"RCPT": ServerSession._rcpt,
    b"DATA": ServerSession._data,
    b"RSET": ServerSession._rset,
    b"NOOP": ServerSession._noop,
    b"HELP": ServerSession._help,
    b"VRFY": ServerSession._vrfy,
    b"ETRN": ServerSession._etrn,
    b"QUIT": ServerSession._quit,
}
