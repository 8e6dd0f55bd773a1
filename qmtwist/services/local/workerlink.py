"""The channel to one worker: numbered orders out, one answer to each."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFDSet

from qmtwist.mail.errors import Temporary
from qmtwist.mail.outcome import Outcome, Verdict
from qmtwist.services.fdchannel import FdChannel
from qmtwist.services.seams import Permit
from qmtwist.wire import spawn
from qmtwist.wire.spawn import Frame

CRASHED = Outcome(Verdict.DEFERRAL, b"qmail-local crashed.\n")

Answered = Callable[[Frame | None], None]  # None: the worker is gone, and whether it did the work is unknown


class WorkerLink:
    """Made when the agent passes a channel; ends when either side hangs up (`on_lost`)."""

    def __init__(
        self,
        reactor: IReactorFDSet,
        serial: int,
        uid: int,
        descriptor: int,
        now: float,
        on_lost: Callable[[WorkerLink], None],
    ) -> None:
        self.serial = serial
        self.uid = uid
        self.used_at = now
        self.mailboxes = 0  # open ones; they end with the worker
        self._on_lost = on_lost
        self._pending: dict[int, Answered] = {}
        self._permits: dict[int, Permit] = {}
        self._number = 0
        connection = socket.socket(fileno=descriptor)
        self._channel = FdChannel(reactor, connection, self._take, self._lost)

    @property
    def is_open(self) -> bool:
        """Whether orders can be sent."""
        return self._channel.is_open

    def is_idle(self) -> bool:
        """Whether nobody waits for it."""
        return not self._pending and not self.mailboxes

    def send(self, kind: bytes, payload: bytes, answered: Answered) -> None:
        """Send an order; `answered` is called once."""
        number = self._next(answered)
        self._channel.send(spawn.frame(kind, number, payload))

    def deliver(
        self, order: spawn.DeliverOrder, descriptor: int | None, answered: Answered, permit: Permit | None
    ) -> None:
        """Send a delivery; `answered` is called once, and the descriptor closed. `permit`: see seams.Courier."""
        number = self._next(answered)
        if permit is not None:
            self._permits[number] = permit
        self._channel.send(spawn.encode_order(number, order), () if descriptor is None else (descriptor,))

    def close(self) -> None:
        """Hang up: the worker ends when it has finished what it does."""
        self._channel.close()

    def drain(self) -> None:
        """Take the answers that have come, and hang up."""
        self._channel.drain()

    def finish(self) -> None:
        """Send no more; the answers that are due still come."""
        self._channel.finish()

    def _next(self, answered: Answered) -> int:
        self._number = self._number % 0xFFFFFFFF + 1
        self._pending[self._number] = answered
        return self._number

    def _take(self, frame: Frame) -> None:
        permit = self._permits.pop(frame.number, None)
        if frame.kind == spawn.HEAVY:
            go = partial(self._go, frame.number)
            go() if permit is None else permit(go)
            return
        answered = self._pending.pop(frame.number, None)
        if answered is not None:
            answered(frame)

    def _go(self, number: int) -> None:
        self._channel.send(spawn.frame(spawn.GO, number))

    def _lost(self) -> None:
        self._on_lost(self)
        self._permits.clear()
        pending, self._pending = self._pending, {}
        for answered in pending.values():
            answered(None)


class LoggedIn:
    """A worker that a checkpassword program made the user of; for one session (mailboxes.MailboxWorker)."""

    local = b""  # it serves one account, whatever is named

    def __init__(self, link: WorkerLink) -> None:
        self._link = link
        link.mailboxes += 1

    def request(self, kind: bytes, payload: bytes) -> Deferred[tuple[Frame, int | None]]:
        """MailboxWorker"""
        answer: Deferred[tuple[Frame, int | None]] = Deferred()

        def answered(frame: Frame | None) -> None:
            if frame is None:
                answer.errback(Temporary(CRASHED.text.decode()))
            else:
                answer.callback((frame, None))

        self._link.send(kind, payload, answered)
        return answer

    def release(self) -> None:
        """MailboxWorker"""
        self._link.close()
