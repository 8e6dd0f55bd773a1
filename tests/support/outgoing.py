"""A shell without a socket around a session towards another host: it begins, feeds and ends transactions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from qmtwist.wire.outgoing import Ended, Event, Lost, Ready, SendBody, StartTls, Survey, Transaction
from qmtwist.wire.remotereport import Result
from qmtwist.wire.session import Pause


class Session(Protocol):
    """What the SMTP and the QMTP client have in common."""

    def receive(self, data: bytes) -> None: ...
    def eof(self) -> None: ...
    def timed_out(self) -> None: ...
    def next_event(self) -> Event | Pause: ...
    def take_output(self) -> bytes: ...
    def begin(self, transaction: Transaction) -> None: ...
    def body(self, piece: bytes) -> None: ...
    def end_body(self) -> None: ...
    def quit(self) -> None: ...


class Letter:
    """One message with its envelope; `pieces` is the message as it is fed."""

    def __init__(self, sender: bytes, recipients: Sequence[bytes], *pieces: bytes) -> None:
        message = b"".join(pieces)
        self.pieces = pieces
        survey = Survey()
        survey.look(message)
        about = len(message), survey.is_eight_bit, survey.growth_bytes
        self.transaction = Transaction(sender, tuple(recipients), *about)


class Sender:
    """Sends letters through one session: what it wrote, what it wrote of messages, and how each letter ended."""

    def __init__(self, session: Session, letters: Sequence[Letter], is_polite: bool = True) -> None:
        self.session = session
        self.left = list(letters)
        self.wrote = b""
        self.bodies: list[bytes] = []  # what went out between SendBody and the end of the message
        self.results: list[Result] = []
        self.ended: list[Ended] = []
        self.lost: Lost | None = None
        self.pause: Pause | None = None
        self.is_over = False
        self._is_polite = is_polite
        self._letter: Letter | None = None
        self._new = b""

    def take(self) -> bytes:
        """What was written since the last call."""
        new, self._new = self._new, b""
        return new

    def receive(self, *pieces: bytes) -> bytes:
        """What is written in answer to these bytes."""
        for piece in pieces:
            self.session.receive(piece)
            self.run()
        return self.take()

    def eof(self) -> None:
        self.session.eof()
        self.run()

    def timed_out(self) -> None:
        self.session.timed_out()
        self.run()

    def run(self) -> None:
        """Until the session pauses."""
        while True:
            event = self.session.next_event()
            self._write()
            if isinstance(event, Pause):
                self.pause = event
                return
            self._act(event)
            self._write()

    def _write(self) -> bytes:
        output = self.session.take_output()
        self.wrote += output
        self._new += output
        return output

    def _act(self, event: Event) -> None:
        assert not self.is_over
        if isinstance(event, Ready):
            self._begin()
        elif isinstance(event, SendBody):
            self._feed()
        elif isinstance(event, Ended):
            self.results.append(event.result)
            self.ended.append(event)
            self._letter = None
            if event.is_reusable:
                self._begin()
            else:
                self._part()
        elif isinstance(event, Lost):
            self.lost = event
            self.is_over = True
            if event.result is not None:
                self.results.append(event.result)
        else:
            assert isinstance(event, StartTls)

    def _begin(self) -> None:
        if self.left:
            self._letter = self.left.pop(0)
            self.session.begin(self._letter.transaction)
        elif self._is_polite:
            self._part()

    def _part(self) -> None:
        self.session.quit()
        self.is_over = True

    def _feed(self) -> None:
        assert self._letter is not None
        wrote = b""
        for piece in self._letter.pieces:
            self.session.body(piece)
            wrote += self._write()
        self.session.end_body()
        self.bodies.append(wrote + self._write())
