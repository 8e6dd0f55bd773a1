"""A journal in a directory, driven from the test's own thread."""

from __future__ import annotations

import queue
from collections.abc import Callable

from qmtwist.mail.envelope import Envelope
from qmtwist.store.journal import records
from qmtwist.store.journal.records import JournalMessage
from qmtwist.store.journal.writer import Journal, Place

SEGMENT_BYTES = 64 * 1024


class Reactor:
    """Runs what the writer thread hands over, in the test's own thread."""

    def __init__(self) -> None:
        self._calls: queue.Queue[Callable[[], None]] = queue.Queue()

    def notify(self, call: Callable[[], None]) -> None:
        self._calls.put(call)

    def run_one(self) -> None:
        self._calls.get(timeout=10)()


class Bench:
    """A journal in a directory, with its thread."""

    def __init__(self, directory: str) -> None:
        self.reactor = Reactor()
        self.directory = directory
        self.journal = Journal(directory, self.reactor.notify, SEGMENT_BYTES)
        self.journal.start()

    def commit(self, *messages: JournalMessage) -> list[Place | OSError]:
        results: list[Place | OSError] = []
        for message in messages:
            self.journal.append(records.message(message), results.append)
        while len(results) < len(messages):
            self.reactor.run_one()
        return results

    def flush(self) -> None:
        done: list[bool] = []
        self.journal.flush(lambda: done.append(True))
        while not done:
            self.reactor.run_one()


def message(number: int, size: int = 100, recipients: int = 1) -> JournalMessage:
    addresses = tuple(b"r%d@example.org" % at for at in range(recipients))
    return JournalMessage(number, 1000, number, 1795238029, Envelope(b"s@example.org", addresses), b"x" * size)
