"""An SMTP session on descriptors 0 and 1: what qmail-smtpd and ofmipd share."""

from __future__ import annotations

from abc import ABC, abstractmethod

from qmtwist.control import grammar
from qmtwist.mail.shapes import Mapping
from qmtwist.wire.session import Pause
from qmtwist.wire.smtp import reply as replies
from qmtwist.wire.smtp.events import Closed, Event, Limits
from qmtwist.wire.smtp.reply import Reply
from qmtwist.wire.smtp.server import ServerSession

from .stdio import Gone, Stdio
from .submission import SubmitResult


class Trouble(Exception):
    """The session cannot go on; `reply` says why."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.text)
        self.reply = reply


def read_limits(home: str, environ: Mapping[bytes, bytes]) -> Limits:
    """What control files, and the variable DATABYTES, say about the size of things.

    :raises OSError: one cannot be read.
    """
    databytes = grammar.read_number(home, "databytes", 0)
    if b"DATABYTES" in environ:
        databytes = grammar.parse_number(environ[b"DATABYTES"]) or 0
    return Limits(
        grammar.read_number(home, "maxcommand", 1000),
        grammar.read_number(home, "maxrecipients", 1000),
        grammar.read_number(home, "maxerrors", 20),
        grammar.read_number(home, "maxidlecommands", 100),
        databytes,
    )


class SmtpStdio(Stdio, ABC):
    """Pumps between the descriptors and the session; who derives from it answers the events in `_answer`."""

    def __init__(self, home: str, environ: Mapping[bytes, bytes], session: ServerSession, timeout_s: int) -> None:
        super().__init__(home, environ, timeout_s)
        self._session = session

    def run(self) -> int:
        """Until the end; 0 after QUIT."""
        session = self._session
        try:
            while True:
                event = session.next_event()
                if isinstance(event, Closed):
                    self._write(session.take_output())
                    return 0 if event.reason == b"quit" else 1
                if isinstance(event, Pause):
                    self._write(session.take_output())
                    self._read()
                else:
                    self._serve(event)
        except (Gone, OSError):  # the client is gone, or does not read
            return 1
        finally:
            self._abandon()

    def _serve(self, event: Event) -> None:
        try:
            self._answer(event)
        except Trouble as trouble:
            self._session.abort(trouble.reply, b"trouble")

    @abstractmethod
    def _answer(self, event: Event) -> None:
        """Answer an event.

        :raises Trouble: the session is to end.
        """

    def _tell(self, result: SubmitResult, now: int) -> None:
        """What the queue program said of a message."""
        if result.text:
            code = 554 if result.text[:1] == b"D" else 451
            self._session.refuse(replies.foreign(code, result.text[1:]))
        else:
            self._session.stored(now, result.qp)

    def _read(self) -> None:
        try:
            data = self._receive()
        except TimeoutError:
            return self._session.abort(replies.TIMEOUT, b"timeout")
        return self._session.receive(data) if data else self._session.eof()
