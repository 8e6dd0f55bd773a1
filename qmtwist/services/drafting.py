"""What the clerks of SMTP, QMTP and QMQP share: a message on its way into the queue, and whose it is."""

from __future__ import annotations

from collections.abc import Callable

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import MailError

from .door.listen import Peer
from .seams import Draft, Receipt


class Drafting:
    """Half of a clerk. It calls `_wake` when an answer came later, `_fail` inside an `except` when that went wrong."""

    __slots__ = ("_draft", "_fail", "_transaction", "_wake", "is_behind")

    def __init__(self, wake: Callable[[], None], fail: Callable[[], None]) -> None:
        self._wake = wake
        self._fail = fail
        self._draft: Draft | None = None  # open, and neither committed nor abandoned
        self._transaction = 0  # an answer that belongs to an earlier one comes too late
        self.is_behind = False  # the queue asks for a pause

    def abandon(self) -> None:
        """Drop the message that is coming in, if there is one."""
        draft, self._draft = self._draft, None
        self.is_behind = False
        if draft is not None:
            draft.abandon()

    def _write(self, data: bytes) -> None:
        if self._draft is not None and not self._draft.write(data):
            self.is_behind = True

    def _drained(self) -> None:
        if self.is_behind:
            self.is_behind = False
            self._wake()

    def _hand_in(self, envelope: Envelope, settled: Callable[[Receipt | MailError, bool], None]) -> None:
        """Commit the message; `settled` hears how that went, and whether the client still waits for it."""
        draft, self._draft = self._draft, None
        assert draft is not None
        self.is_behind = False
        self._transaction += 1
        transaction = self._transaction

        def done(result: Receipt | MailError) -> None:
            try:
                settled(result, transaction == self._transaction)
            except Exception:  # whoever commits has others to tell
                self._fail()

        draft.commit(envelope, done)


def environment_of(peer: Peer, local: tuple[bytes, int], localhost: bytes) -> dict[bytes, bytes]:
    """What a queue program inherits from tcpserver: `local` is our end, `localhost` its name or empty. (tcp-environ(5))

    >>> environment_of(Peer(b"192.0.2.1", 9, {b"A": b"b"}), (b"192.0.2.2", 25), b"")[b"TCPLOCALPORT"]
    b'25'
    """
    environment = {b"PROTO": b"TCP", b"TCPREMOTEIP": peer.ip, b"TCPREMOTEPORT": b"%d" % peer.port}
    environment |= {b"TCPLOCALIP": local[0], b"TCPLOCALPORT": b"%d" % local[1]}
    if localhost:
        environment[b"TCPLOCALHOST"] = localhost
    return environment | dict(peer.variables)
