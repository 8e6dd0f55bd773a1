"""todo/: messages that other programs have queued by files. (qmail-send TODO)

Woken by the trigger, by our own intake, and every 25 minutes in case a trigger was lost.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.python.failure import Failure

from qmtwist.logbook.facts import MessageInfo, NewMessage
from qmtwist.services.disk import Disk
from qmtwist.services.log.telemetry import Telemetry
from qmtwist.store.queue.layout import Layout
from qmtwist.store.queue.preprocess import Preprocessed, Sorter, preprocess
from qmtwist.store.queue.scan import scan_todo

SCAN_INTERVAL_S = 1500
SLEEP_S = 10  # before todo/ is looked at again when it could not be read
BATCH = 64


class TodoReader:
    """Made by the queue manager. `accepted` gets every message that is in S5 now."""

    def __init__(
        self,
        layout: Layout,
        disk: Disk,
        telemetry: Telemetry,
        clock: Callable[[], float],
        accepted: Callable[[Preprocessed], None],
        later: Callable[[float, Callable[[], None]], None],
    ) -> None:
        self._layout = layout
        self._disk = disk
        self._telemetry = telemetry
        self._clock = clock
        self._accepted = accepted
        self._later = later
        self._sort: Sorter = lambda recipient: ("remote", recipient)
        self._bad: dict[int, str] = {}  # entry: why; it is looked at again at each scan, and told once
        self._is_busy = False
        self._is_wanted = False
        self.is_stopping = False

    def use(self, sort: Sorter) -> None:
        """Route by these rules from now on."""
        self._sort = sort

    def is_idle(self) -> bool:
        """Whether no entry is being preprocessed."""
        return not self._is_busy

    def wake(self) -> None:
        """Look at todo/ now, or once more after the look that is going on."""
        self._is_wanted = True
        if not self._is_busy and not self.is_stopping:
            self._is_busy = True
            self._is_wanted = False
            self._disk.run(self._look).addCallbacks(self._looked, self._trouble)

    def _look(self) -> list[Preprocessed]:
        """In the disk thread: one batch, entries that failed before last."""
        numbers = sorted(scan_todo(self._layout), key=lambda number: (number in self._bad, number))
        return preprocess(self._layout, numbers[:BATCH], self._sort, int(self._clock()))

    def _looked(self, results: list[Preprocessed]) -> None:
        self._is_busy = False
        for result in results:
            self._tell(result)
            if not result.problem:
                self._accepted(result)
        if any(not result.problem for result in results):
            self._is_wanted = True
        if self._is_wanted:
            self.wake()

    def _tell(self, result: Preprocessed) -> None:
        if result.problem and self._bad.get(result.number) == result.problem:
            return
        if result.sender is not None or not result.problem:
            self._telemetry.fact(NewMessage(result.number))
            self._telemetry.fact(MessageInfo(result.number, result.size, result.sender or b"", result.pid, result.uid))
        if result.problem:
            self._bad[result.number] = result.problem
            self._telemetry.notice("warning", result.problem)
        else:
            self._bad.pop(result.number, None)

    def _trouble(self, failure: Failure) -> None:
        self._is_busy = False
        self._telemetry.notice("alert", f"unable to opendir todo, sleeping...: {failure.value}")
        self._later(SLEEP_S, self.wake)
