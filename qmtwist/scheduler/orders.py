"""What goes into the timetable and what comes out, as frozen values."""

from __future__ import annotations

import enum

from qmtwist.mail.shapes import NamedTuple


class Open(NamedTuple):
    """Read what is left of this message on this channel, then answer `opened` or `vanished`."""

    channel: str
    number: int


class Start(NamedTuple):
    """Start a local delivery. Answer `ended`, then `settled`."""

    delivery: int
    channel: str
    number: int
    recipient: int  # its index on the channel


class Transact(NamedTuple):
    """Start a transaction with another host. Answer `ended`, and `settled` for each recipient."""

    ticket: int
    number: int
    host: bytes | None  # as the recipients have it; None: they have no `@`
    recipients: tuple[int, ...]  # their indexes on the channel
    has_slot: bool  # else it begins when it gets one


class End(enum.Enum):
    """How a transaction ended, as far as the other host is concerned."""

    SERVED = enum.auto()  # somebody got the message
    REACHED = enum.auto()  # nobody did, but the host was there (or it was not the host's fault)
    UNREACHED = enum.auto()


class Closed(NamedTuple):
    """No recipient of this message is in delivery on this channel any more.

    `left` recipients are to be tried again at `retry_at` (POSIX seconds); with none left the channel is finished.
    """

    channel: str
    number: int
    left: int
    retry_at: int


class Aside(NamedTuple):
    """The message waits as a bare number, because so many others wait for its destinations; it is opened again."""

    channel: str
    number: int


Order = Open | Start | Transact
