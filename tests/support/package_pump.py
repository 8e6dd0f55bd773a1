"""A shell for the QMTP and QMQP server cores: takes everything, refuses what it is told to, remembers all."""

from __future__ import annotations

from collections.abc import Iterable

from qmtwist.mail.envelope import Envelope
from qmtwist.wire.netstring import netstring
from qmtwist.wire.package import (
    Closed,
    Content,
    Event,
    MessageBegan,
    MessageEnded,
    MessageSpoiled,
    PackageSession,
    RecipientOffered,
    SenderOffered,
    Violation,
)
from qmtwist.wire.qmtpserver import QmtpServer
from qmtwist.wire.session import NEED_DATA, Pause

OK = b"Kok 5 qp 6"
NO_RELAY = b"Dsorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"


class Pump:
    """Feeds one session. `refused` maps what is offered (an address, or `message` and `end`) to the answer."""

    def __init__(self, session: PackageSession, refused: dict[bytes, bytes] | None = None) -> None:
        self.session = session
        self.refused = refused or {}
        self.queued: list[tuple[bytes, Envelope]] = []
        self.output = b""
        self.spoiled = 0
        self.last: Event | None = None
        self._draft: bytes | None = None

    def feed(self, pieces: Iterable[bytes]) -> Pump:
        """Give it these pieces, as they were read."""
        for piece in pieces:
            self.session.receive(piece)
            self.run()
        return self

    def end(self) -> Pump:
        """The client sends nothing more."""
        self.session.eof()
        self.run()
        return self

    def run(self) -> None:
        """Until there is nothing more to do."""
        while not isinstance(event := self.session.next_event(), Pause):
            assert self.last is None, f"{event} after {self.last}"
            self._serve(event)
        assert event is NEED_DATA
        self.output += self.session.take_output()

    def _serve(self, event: Event) -> None:
        session = self.session
        if isinstance(event, MessageBegan):
            assert self._draft is None
            if b"message" in self.refused:
                return session.refuse(self.refused[b"message"])
            self._draft = b""
            session.go_ahead()
        elif isinstance(event, Content):
            assert self._draft is not None and event.data
            self._draft += event.data
        elif isinstance(event, MessageSpoiled):
            assert self._draft is not None
            self._draft, self.spoiled = None, self.spoiled + 1
        elif isinstance(event, MessageEnded):
            self._end(event)
        elif isinstance(event, Closed | Violation):
            self._draft, self.last = None, event
        else:
            self._judge(event)
        return None

    def _judge(self, event: SenderOffered | RecipientOffered) -> None:
        assert isinstance(self.session, QmtpServer)
        if event.address in self.refused:
            self.session.refuse(self.refused[event.address])
        else:
            self.session.accept(event.address)

    def _end(self, event: MessageEnded) -> None:
        assert self._draft is not None and event.size == len(self._draft)
        draft, self._draft = self._draft, None
        if b"end" in self.refused:
            return self.session.refuse(self.refused[b"end"])
        self.queued.append((draft, event.envelope))
        return self.session.stored(5, 6)


def package(message: bytes, sender: bytes, *recipients: bytes) -> bytes:
    return netstring(message) + netstring(sender) + netstring(b"".join(map(netstring, recipients)))


def answers(*texts: bytes) -> bytes:
    return b"".join(map(netstring, texts))
