"""A queue in memory, as the network services see it (services/seams.py). It obeys nobody but the test."""

from __future__ import annotations

from collections.abc import Callable

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import MailError
from qmtwist.services.seams import Committed, Origin, Receipt


class FakeDraft:
    """One message on its way in; remembers how it ended."""

    def __init__(self, intake: FakeIntake, origin: Origin, number: int, on_drain: Callable[[], None]) -> None:
        self.intake = intake
        self.origin = origin
        self.number = number
        self.on_drain = on_drain
        self.data = b""
        self.envelope: Envelope | None = None
        self.is_abandoned = False
        self._done: Committed | None = None

    def write(self, data: bytes) -> bool:
        assert self.envelope is None and not self.is_abandoned
        if self.intake.bug is not None:
            raise self.intake.bug
        self.data += data
        return not self.intake.is_slow

    def commit(self, envelope: Envelope, done: Committed) -> None:
        assert self.envelope is None and not self.is_abandoned
        self.envelope, self._done = envelope, done
        if not self.intake.is_holding:
            self.settle()

    def settle(self) -> None:
        """Say what became of it, as the disk would later."""
        assert self._done is not None
        done, self._done = self._done, None
        done(Receipt(self.number) if self.intake.commit_error is None else self.intake.commit_error)

    def abandon(self) -> None:
        assert self.envelope is None and not self.is_abandoned
        self.is_abandoned = True

    @property
    def body(self) -> bytes:
        """The message without our own Received field."""
        return self.data.split(b"-0000\n", 1)[1]


class FakeIntake:
    """`is_holding`: commits wait for `settle`; `is_slow`: writes ask for a pause; the errors are raised or reported."""

    def __init__(self) -> None:
        self.drafts: list[FakeDraft] = []
        self.is_holding = self.is_slow = False
        self.open_error: MailError | None = None
        self.commit_error: MailError | None = None
        self.bug: Exception | None = None

    def open(self, origin: Origin, on_drain: Callable[[], None]) -> FakeDraft:
        if self.open_error is not None:
            raise self.open_error
        draft = FakeDraft(self, origin, 10000000000 + len(self.drafts), on_drain)
        self.drafts.append(draft)
        return draft

    @property
    def queued(self) -> list[FakeDraft]:
        """What was committed."""
        return [draft for draft in self.drafts if draft.envelope is not None]
