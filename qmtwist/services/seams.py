"""The seams between the services: what one promises and another relies on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from twisted.internet.defer import Deferred

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import MailError
from qmtwist.mail.outcome import Outcome
from qmtwist.wire.remoteorder import RemoteOrder
from qmtwist.wire.spawn import DeliverOrder


class Origin(NamedTuple):
    """Who hands a message in: the words for the Received line, and the uid for the log."""

    who: bytes  # `from network`, `by uid 1000`, ...
    uid: int
    program: bytes | None = None  # a queue program to run instead of our own queue (QMAILQUEUE)
    qp: int = 0  # the process that queues, as its caller knows it; 0: nobody knows it, the message number stands for it
    environment: Mapping[bytes, bytes] = {}  # of that program, besides our own


class Receipt(NamedTuple):
    """The message is durable; `number` is its message number, shown as qp to the client."""

    number: int


Committed = Callable[[Receipt | MailError], None]


class Draft(Protocol):
    """A message on its way in. Exactly one of `commit` and `abandon` ends it."""

    number: int  # its message number, already fixed

    def write(self, data: bytes) -> bool:
        """Take a piece of the message. False: stop writing until `on_drain` is called (disk is behind)."""

    def commit(self, envelope: Envelope, done: Committed) -> None:
        """Make it durable, then call `done` once, from the reactor, with a Receipt or with what went wrong.

        A Temporary or Permanent given to `done` carries text and status to answer; nothing was accepted then.
        """

    def abandon(self) -> None:
        """Forget it; nothing stays behind."""


class Intake(Protocol):
    """Where messages come into the queue."""

    def open(self, origin: Origin, on_drain: Callable[[], None]) -> Draft:
        """Begin a message; our own Received line is on top already.

        :raises Temporary: the queue takes nothing now (disk nearly full, stopping, too many errors).
        """


class RecipientCheck(Protocol):
    """Whether a recipient that we would deliver locally has a mailbox."""

    def check(self, address: bytes) -> bool | None | Deferred[bool | None]:
        """True: yes or not ours to say. False: no such mailbox. None: undecidable, so accept."""


Permit = Callable[[Callable[[], None]], None]
"""Asked for a slot: calls its argument when there is one, at once or later."""


class Courier(Protocol):
    """The agent that delivers on this host."""

    def deliver(
        self,
        order: DeliverOrder,
        descriptor: int | None,
        report: Callable[[Outcome], None],
        permit: Permit = ...,
    ) -> None:
        """Deliver; `report` is called exactly once, from the reactor, whatever happens to the agent.

        `descriptor` holds the message when `order.message` is None; the courier closes it. A courier that gets orders
        ahead of their slots asks `permit` before it begins one that needs a process of its own.
        """


class RemoteCourier(Protocol):
    """The agent that delivers to other hosts."""

    @property
    def runs_programs(self) -> bool:
        """Each order has one recipient, and its slot from the start: a program is run for it."""

    def transact(
        self,
        order: RemoteOrder,
        descriptor: int | None,
        report: Callable[[int, Outcome], None],
        permit: Permit,
    ) -> None:
        """One transaction; `report(index, outcome)` exactly once for each recipient, from the reactor, come what may.

        `descriptor` holds the message when `order.message` is None; the courier closes it. `permit` is asked once, when
        a connection to the other host is there; the message is begun when it calls back. Until then the transaction
        may end without having asked. With `runs_programs` it is not asked.
        """
