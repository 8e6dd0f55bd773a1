"""What both channels have: an agenda, and a job for each message in progress."""

from __future__ import annotations

from .agenda import Agenda
from .jobs import Job
from .lending import LentSlots
from .orders import Closed
from .retry import SKIP, is_dying, next_attempt
from .slots import Slots


class Channel:
    """The timetable of one channel; owned by the machine."""

    slots: Slots | LentSlots

    def __init__(self, name: str, lifetime_s: int) -> None:
        self.name = name
        self.lifetime_s = lifetime_s
        self.agenda = Agenda()
        self.is_stopping = False
        self._opening: int | None = None
        self._jobs: dict[int, Job] = {}

    def is_open(self, number: int) -> bool:
        """Whether a message has a job here, or is being opened."""
        return number in self._jobs or self._opening == number

    def is_idle(self) -> bool:
        """Whether no delivery is in progress and none ended without having been settled."""
        return all(not job.in_delivery for job in self._jobs.values())

    def next_due(self, now: int) -> int | None:
        """When orders are to be asked for again if nothing happens before; None: never."""
        due = self.agenda.next_due() if self.slots.has_room() else None
        return due if due is not None and due > now else None

    def waiting(self) -> list[tuple[int, int]]:
        """(due, number) of everything that is not in progress."""
        return self.agenda.waiting()

    def all_due(self) -> None:
        """Every deferred message is due now."""
        self.agenda.all_due()

    def vanished(self, number: int, retry_at: int | None) -> None:
        """The answer to Open: it cannot be read; try again then, or (None) forget it."""
        self._opening = None
        if retry_at is not None:
            self.agenda.add(number, retry_at)

    def settled(self, number: int, is_served: bool) -> Closed | None:
        """One recipient is served (or failed for good), or is left for the next pass. Closed: the pass is over."""
        job = self._jobs[number]
        job.in_delivery -= 1
        if is_served:
            job.left -= 1
        if self.is_stopping:
            job.cut_short()
        return self._close(job) if job.is_over() else None

    def stop(self) -> list[Closed]:
        """Start nothing any more; the passes of which nothing is in delivery are over."""
        self.is_stopping = True
        for job in self._jobs.values():
            job.cut_short()
        return [self._close(job) for job in list(self._jobs.values()) if job.is_over()]

    def _make_job(self, number: int, count: int, birth: int, now: int) -> Job:
        """A job with this many recipients; it is entered by the caller."""
        retry_at = next_attempt(birth, now, SKIP[self.name])
        return Job(number, count, now, retry_at, is_dying(birth, now, self.lifetime_s))

    def _close(self, job: Job) -> Closed:
        del self._jobs[job.number]
        return Closed(self.name, job.number, job.left, job.retry_at)
