"""One message on one channel: what is left of it in this pass. (qmail-send JOBS)"""

from __future__ import annotations


class Job:
    """Made when a pass opens a message, gone when no recipient is in delivery any more."""

    __slots__ = ("begun", "in_delivery", "is_dying", "left", "number", "retry_at", "unstarted")

    def __init__(self, number: int, count: int, begun: int, retry_at: int, is_dying: bool) -> None:
        self.number = number
        self.unstarted = count  # recipients that this pass still has to start
        self.in_delivery = 0
        self.left = count  # recipients not served yet, these and those in delivery included
        self.begun = begun
        self.retry_at = retry_at
        self.is_dying = is_dying

    def cut_short(self) -> None:
        """Start no more of it; those who had no turn are due as before, not only at the next retry."""
        if self.unstarted:
            self.unstarted = 0
            self.retry_at = self.begun

    def is_over(self) -> bool:
        """Whether the pass has started everything and everything has ended."""
        return not self.unstarted and not self.in_delivery
