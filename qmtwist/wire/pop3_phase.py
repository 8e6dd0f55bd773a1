"""POP3: what the two phases of a session share, command by command. (RFC 1939 §3)"""

from __future__ import annotations

from qmtwist.mail.shapes import Any, Callable, Mapping, NamedTuple

from .pop3_command import CommandReader, split_command
from .session import NEED_ANSWER, NEED_DATA

SYNTAX = b"-ERR syntax error\r\n"
TOO_LONG = b"-ERR command line too long\r\n"


class Flush(NamedTuple):
    """Many answers have come together: write them, and go on when the client has read them."""


class Hangup(NamedTuple):
    """The session is over: write the output and close."""


class Phase:
    """Takes commands one after the other: each is answered at once, or becomes an event, and those behind it wait.

    Who inherits says which commands there are (`actions`, by verb), what all others are answered (`unknown`), and how
    many bytes of answers are gathered before they are handed out (`limit_bytes`).
    """

    actions: Mapping[bytes, Callable[[Any, bytes], Any]]
    unknown: bytes
    limit_bytes: int

    def __init__(self, commands: CommandReader, is_classic: bool) -> None:
        self._commands = commands
        self._is_classic = is_classic
        self._output: list[bytes] = []
        self._output_bytes = 0
        self._is_waiting = False
        self._is_over = False

    def receive(self, data: bytes) -> None:
        """Take what was read from the client."""
        self._commands.receive(data)

    def take_output(self) -> bytes:
        """The answers that have come together since the last call."""
        output = b"".join(self._output)
        self._output.clear()
        self._output_bytes = 0
        return output

    def eof(self) -> None:
        """The client has ended; without QUIT nothing is deleted."""
        self._is_over = True

    def _next(self) -> Any:
        """Flush, Hangup, a Pause, or the event of a command."""
        while not self._is_waiting:
            if self._is_over:
                return Hangup()
            if self._output_bytes > self.limit_bytes:
                return Flush()
            line = self._commands.next_line()
            if line is None:
                return NEED_DATA
            event = self._obey(line)
            if event is not None:
                self._is_waiting = True
                return event
        return NEED_ANSWER

    def _say(self, answer: bytes) -> None:
        self._output.append(answer)
        self._output_bytes += len(answer)

    def _obey(self, line: bytes) -> Any:
        if self._commands.is_too_long:
            return self._say(TOO_LONG)
        if b"\0" in line:
            if not self._is_classic:
                return self._say(SYNTAX)
            line = line.partition(b"\0")[0]  # qmail's strings end there
        verb, argument = split_command(line)
        action = self.actions.get(verb)
        if action is None or (self._is_classic and verb == b"CAPA"):
            return self._say(self.unknown)
        return action(self, argument)
