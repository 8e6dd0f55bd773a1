"""What can happen in the queue manager, as frozen values. (qmail-log(5))"""

from __future__ import annotations

from qmtwist.mail.shapes import NamedTuple


class NewMessage(NamedTuple):
    """A message was accepted."""

    number: int


class MessageInfo(NamedTuple):
    """What it is: size in bytes including our Received line, sender, queueing number and uid of who queued it."""

    number: int
    size: int
    sender: bytes
    qp: int
    uid: int


class DeliveryStarted(NamedTuple):
    """One attempt for one recipient began."""

    delivery: int
    number: int
    channel: str
    recipient: bytes


class DeliveryEnded(NamedTuple):
    """It ended: `kind` is success, deferral or failure; `text` the report."""

    delivery: int
    kind: str
    text: bytes


class ReportMangled(NamedTuple):
    """An agent's report made no sense; the delivery is deferred."""

    delivery: int


class Status(NamedTuple):
    """Deliveries in progress and allowed, after every change."""

    local: int
    local_limit: int
    remote: int
    remote_limit: int
    is_stopping: bool


class Bounced(NamedTuple):
    """A bounce of `number` was queued as `qp`."""

    number: int
    qp: int


class TripleBounce(NamedTuple):
    """A double bounce could not be delivered; nobody is told."""

    number: int


class MessageEnded(NamedTuple):
    """Every recipient is served; the message is gone."""

    number: int


class Notice(NamedTuple):
    """Anything else: `level` is empty, `warning` or `alert`."""

    level: str
    text: str


class Exiting(NamedTuple):
    """The queue manager stopped cleanly."""


Fact = (
    NewMessage
    | MessageInfo
    | DeliveryStarted
    | DeliveryEnded
    | ReportMangled
    | Status
    | Bounced
    | TripleBounce
    | MessageEnded
    | Notice
    | Exiting
)
