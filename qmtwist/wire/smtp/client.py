"""ClientSession: the sending side of SMTP, without a socket. (RFC 5321, 1870, 2920, 3207, 6152; qmail-remote(8))"""

from __future__ import annotations

import enum

from qmtwist.wire.outgoing import (
    Capabilities,
    Ended,
    Event,
    Lost,
    Ready,
    SendBody,
    StartTls,
    Transaction,
    Wait,
)
from qmtwist.wire.remotereport import Result
from qmtwist.wire.session import NEED_DATA, Pause

__all__ = [
    "Capabilities", "ClientSession", "Ended", "Event", "Lost", "Ready", "Result", "SendBody", "StartTls", "Tls",
    "Transaction", "Wait",
]  # fmt: skip


class Tls(enum.Enum):
    """Whether a session asks for TLS."""

    NONE = "none"  # never
    MAY = "may"  # when it is offered; refused, the session goes on in clear
    MUST = "must"  # or nothing is sent


class ClientSession:
    """One connection to another host. Made by a shell when it is connected, and lives as long.

    `address` is how reports name the other host. `turn` grows with each reply and each step of ours: a shell gives
    control/timeoutremote to each turn (not to each read), and calls `timed_out()` when it is over; while `wait` is
    NOTHING no time runs.
    """

    def __init__(self, helohost: bytes, address: bytes, tls: Tls) -> None:
        self.turn = 0
        self.wait = Wait.GREETING

    def receive(self, data: bytes) -> None:
        """Take what was read; call `next_event` until it pauses."""

    def eof(self) -> None:
        """The connection has ended, in order or with an error. Call it when `next_event` has paused."""

    def timed_out(self) -> None:
        """The time of this turn is over. The shell closes the connection after the event."""

    def next_event(self) -> Event | Pause:
        """What happens next."""
        return NEED_DATA

    def take_output(self) -> bytes:
        """What has not been written yet."""
        return b""

    def tls_started(self) -> None:
        """The handshake is done, and the certificate is good enough."""

    def tls_failed(self, why: bytes) -> None:
        """The handshake failed, or the certificate is not good enough. `why` is a phrase for the report."""

    def begin(self, transaction: Transaction) -> None:
        """Begin a transaction: after `Ready`, or after an `Ended` that is reusable."""

    def body(self, piece: bytes) -> None:
        """The next piece of the message: LF text, cut anywhere."""

    def end_body(self) -> None:
        """The message was fed completely."""

    def quit(self) -> None:
        """Part without waiting for the answer. The session is over."""
