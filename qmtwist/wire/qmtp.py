"""QMTP: the client's side, without a socket. (Bernstein, Quick Mail Transfer Protocol)"""

from __future__ import annotations

from .outgoing import Event, Transaction, Wait
from .session import NEED_DATA, Pause


class QmtpClient:
    """One connection to a QMTP server; the same verbs and events as the SMTP `ClientSession`, without TLS.

    `Ready` comes at once. One transaction at a time, any number of them down one connection.
    """

    def __init__(self, address: bytes) -> None:
        self.turn = 0
        self.wait = Wait.NOTHING

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

    def begin(self, transaction: Transaction) -> None:
        """Begin a transaction: after `Ready`, or after an `Ended` that is reusable. `size_bytes` must be exact."""

    def body(self, piece: bytes) -> None:
        """The next piece of the message: LF text, cut anywhere."""

    def end_body(self) -> None:
        """The message was fed completely."""

    def quit(self) -> None:
        """The session is over."""
