"""Plays bytes into a ServerSession and says yes to whatever it asks, unless told otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from qmtwist.mail.envelope import Envelope
from qmtwist.wire.session import NEED_ANSWER, Pause
from qmtwist.wire.smtp.events import (
    Closed,
    Content,
    Limits,
    MessageEnded,
    MessageOffered,
    MessageSpoiled,
    RecipientOffered,
    Refused,
    SenderOffered,
    make_terms,
)
from qmtwist.wire.smtp.reply import Reply
from qmtwist.wire.smtp.server import ServerSession

LIMITS = Limits(max_command_bytes=1000, max_recipients=100, max_errors=20, max_idle_commands=100, databytes=0)


def nobody(address: bytes) -> Reply | None:
    """No recipient is refused."""
    return None


class Player:
    """One session under test: what was said, what was stored, how it ended."""

    def __init__(
        self, limits: Limits = LIMITS, refuse: Callable[[bytes], Reply | None] = nobody, is_slowing: bool = False
    ) -> None:
        self.session = ServerSession(make_terms(b"mail.example.org", limits, is_slowing))
        self.refuse = refuse
        self.said = b""
        self.messages: list[tuple[Envelope, bytes]] = []
        self.refusals: list[Refused] = []
        self.delays: list[int] = []
        self.reason: bytes | None = None
        self._content: bytes | None = None
        self.run()

    def send(self, *pieces: bytes) -> bytes:
        """The replies to these bytes."""
        before = len(self.said)
        for piece in pieces:
            self.session.receive(piece)
            self.run()
        return self.said[before:]

    def codes(self, *pieces: bytes) -> list[int]:
        """The codes of the replies to these bytes."""
        lines = self.send(*pieces).splitlines()
        return [int(line[:3]) for line in lines if line[3:4] == b" "]

    def run(self) -> None:
        """Until there is nothing more to do."""
        session = self.session
        while True:
            event = session.next_event()
            if event is NEED_ANSWER:
                self.said += session.take_output()
                session.resume()
                continue
            if isinstance(event, Pause):
                self.said += session.take_output()
                return
            self.answer(event)

    def answer(self, event: object) -> None:
        session = self.session
        if isinstance(event, SenderOffered):
            session.accept(event.address)
        elif isinstance(event, RecipientOffered):
            refusal = self.refuse(event.address)
            session.accept(event.address) if refusal is None else session.refuse(refusal)
        elif isinstance(event, MessageOffered):
            self._content = b""
            session.go_ahead()
        elif isinstance(event, Content):
            assert self._content is not None and event.data
            self._content += event.data
        elif isinstance(event, MessageSpoiled):
            assert self._content is not None
            self._content = None
        elif isinstance(event, MessageEnded):
            assert self._content is not None
            message = self._content + event.data
            assert event.size == len(message)
            self.messages.append((event.envelope, message))
            self._content = None
            session.stored(1795238029, 7)
        elif isinstance(event, Refused):
            self.refusals.append(event)
            self.delays.append(event.delay_s)
        elif isinstance(event, Closed):
            assert self.reason is None
            self.reason = event.reason


def one_by_one(data: bytes) -> Iterable[bytes]:
    """Each byte in a read of its own."""
    return (data[at : at + 1] for at in range(len(data)))
