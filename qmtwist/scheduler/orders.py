"""What goes into the timetable and what comes out, as frozen values."""

from __future__ import annotations

from typing import NamedTuple


class Open(NamedTuple):
    """Read what is left of this message on this channel, then answer `opened` or `vanished`."""

    channel: str
    number: int


class Start(NamedTuple):
    """Start a delivery: a slot is taken. Answer `ended`, then `settled`."""

    delivery: int
    channel: str
    number: int
    recipient: int  # its index on the channel


class Closed(NamedTuple):
    """No recipient of this message is in delivery on this channel any more.

    `left` recipients are to be tried again at `retry_at` (POSIX seconds); with none left the channel is finished.
    """

    channel: str
    number: int
    left: int
    retry_at: int
