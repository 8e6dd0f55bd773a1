"""How the queue manager parts with a message; `ending` does it."""

from __future__ import annotations

from typing import Protocol

from .mail import JournalMail, Mail


class Farewell(Protocol):
    """Who ends messages and puts them to rest: see `ending`."""

    def finish(self, mail: Mail) -> None:
        """Every recipient is served."""

    def rest(self, mail: JournalMail) -> None:
        """Something was deferred."""

    def spare_old_segments(self) -> None:
        """Empty the oldest journal segment when there are many."""
