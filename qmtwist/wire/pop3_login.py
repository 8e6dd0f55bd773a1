"""POP3: the authorization phase, shared by qmail-popup and the daemon. (RFC 1939 §4, §7; qmail-popup(8))"""

from __future__ import annotations

from qmtwist.mail.shapes import NamedTuple

from .pop3 import CAPABILITIES, OK
from .pop3_command import CommandReader
from .pop3_phase import SYNTAX, Flush, Hangup, Phase
from .session import Pause

REFUSED = b"-ERR authorization failed\r\n"


class Credentials(NamedTuple):
    """Someone wants in: a name and a password, or (`is_apop`) the digest of challenge and password in hex."""

    name: bytes
    secret: bytes
    is_apop: bool

    def __repr__(self) -> str:
        return f"Credentials(name={self.name!r}, is_apop={self.is_apop})"  # no secret in any log or traceback


Event = Credentials | Flush | Hangup | Pause


class Login(Phase):
    """The phase before the mailbox is open. Made per connection; the greeting is its first output.

    `challenge` with its angle brackets is shown in the greeting and makes APOP possible; None: APOP is not offered.
    Commands behind PASS or APOP wait for `accepted` or `refused`.
    """

    unknown = b"-ERR authorization first\r\n"
    limit_bytes = 4096

    def __init__(
        self, commands: CommandReader, challenge: bytes | None, host: bytes = b"", is_classic: bool = False
    ) -> None:
        super().__init__(commands, is_classic)
        self._user: bytes | None = None
        self._output = [b"+OK %s\r\n" % (b"%s POP3 service" % host if challenge is None else challenge)]

    def next_event(self) -> Event:
        """What is to be done now; simple commands are answered on the way, see `take_output`."""
        event: Event = self._next()
        return event

    def accepted(self) -> None:
        """The name is proved and the mailbox open: the next phase goes on with the same CommandReader."""
        self._say(OK)

    def refused(self, answer: bytes, is_last: bool) -> None:
        """They are not let in; `answer` is a whole line. `is_last`: hang up."""
        self._is_waiting = False
        self._is_over = is_last
        self._user = None
        self._say(answer)

    def _name(self, argument: bytes) -> None:
        if argument:
            self._user = argument
        self._say(OK if argument else SYNTAX)

    def _password(self, argument: bytes) -> Credentials | None:
        if self._user is None:
            self._say(b"-ERR USER first\r\n")
        elif not argument:
            self._say(SYNTAX)
        else:
            return Credentials(self._user, argument, False)
        return None

    def _apop(self, argument: bytes) -> Credentials | None:
        name, blank, digest = argument.partition(b" ")
        if not blank:
            self._say(SYNTAX)
            return None
        return Credentials(name, digest, True)

    def _noop(self, argument: bytes) -> None:
        self._say(OK)

    def _capa(self, argument: bytes) -> None:
        self._say(CAPABILITIES)

    def _quit(self, argument: bytes) -> None:
        self._is_over = True
        self._say(OK)


Login.actions = {
    b"USER": Login._name,
    b"PASS": Login._password,
    b"APOP": Login._apop,
    b"NOOP": Login._noop,
    b"CAPA": Login._capa,
    b"QUIT": Login._quit,
}
