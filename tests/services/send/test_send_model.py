"""Any history of the queue manager: accept, deliver, fail, defer, crash, restart, let time pass.

Every recipient that was acknowledged is delivered, bounced or queued, and in the end, when agents and clock allow it,
delivered or bounced. Nobody gets a message twice who was marked done before a clean stop.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest
import pytest_twisted
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from twisted.internet import reactor  # noqa: TID251  # tests run in the global one
from twisted.internet.task import deferLater

from qmtwist.mail.errors import MailError
from qmtwist.mail.outcome import Outcome
from qmtwist.services.seams import Receipt
from qmtwist.store.journal import writer
from tests.support.couriers import DID, NO_MAILBOX, SETTINGS, SOFT, Attempt, Desk

ANSWERS = {"deliver": DID, "fail": NO_MAILBOX, "defer": SOFT}
ACTS = st.one_of(
    st.tuples(st.just("accept"), st.integers(0, 6), st.sampled_from([10, 3000, 12_000])),
    st.tuples(st.just("reachable"), st.booleans(), st.none()),
    st.tuples(st.just("unreached"), st.integers(0, 5), st.none()),
    st.tuples(st.just("programs"), st.booleans(), st.none()),
    st.tuples(st.just("answer"), st.sampled_from(["deliver", "fail", "defer"]), st.integers(0, 5)),
    st.tuples(st.just("answer"), st.sampled_from(["deliver", "fail", "defer"]), st.integers(0, 5)),
    st.tuples(st.just("alarm"), st.none(), st.none()),
    st.tuples(st.just("age"), st.sampled_from([1000, 700_000]), st.none()),
    st.tuples(st.just("settle"), st.none(), st.none()),
    st.tuples(st.just("crash"), st.none(), st.none()),
    st.tuples(st.just("restart"), st.none(), st.none()),
)


class World:
    """A home through crashes and restarts, and what everybody was promised."""

    def __init__(self, directory: str) -> None:
        self._homes = itertools.count()
        self._directory = directory
        self._names = itertools.count()
        self.promised: dict[bytes, bytes] = {}  # recipient: sender
        self.delivered: list[Attempt] = []
        self.abandoned: list[Desk] = []
        self.desk = Desk(reactor, self._home(), self.hold, attrs.evolve(SETTINGS, journalmax_bytes=8000))
        self.desk.open()

    def _home(self) -> str:
        return f"{self._directory}/home{next(self._homes)}"

    def hold(self, attempt: Attempt, before: int) -> Outcome | None:
        return None

    async def accept(self, count: int, size: int) -> None:
        """A message with recipients of its own, on both channels."""
        name = next(self._names)
        here, far = b"mail.example.org", b"remote.example"
        hosts = (here, far, here, far, far, b"other.example")
        recipients = [b"r%d-%d@%s" % (name, at, hosts[at]) for at in range(count)]
        sender = b"s%d@mail.example.org" % name
        answer: Receipt | MailError = await self.desk.submit(sender, recipients, b"x" * size)
        if isinstance(answer, Receipt):
            self.promised.update(dict.fromkeys(recipients, sender))
        await deferLater(reactor, 0)  # the client hears of it first, the queue manager next

    async def answer(self, verdict: str, which: int) -> None:
        """An agent reports on one of the deliveries in progress."""
        await self.desk.until(lambda: not self.desk.running.manager._is_pumping)
        held = self.desk.held
        if not held:
            return
        attempt, report = held.pop(which % len(held))
        self.note(attempt, ANSWERS[verdict])
        report(ANSWERS[verdict])

    def note(self, attempt: Attempt, outcome: Outcome) -> None:
        if outcome is DID:
            self.delivered.append(attempt)

    async def reachable(self, is_reachable: bool) -> None:
        """A host is there, or cannot be found."""
        self.desk.remote.unreachable = set() if is_reachable else {b"remote.example"}

    async def unreached(self, which: int) -> None:
        """Somebody gives up looking for a host."""
        looking = self.desk.remote.looking
        if looking:
            report = looking.pop(which % len(looking))
            for place in range(6):
                report(place, SOFT)

    async def programs(self, runs_programs: bool) -> None:
        """From now on remote deliveries are made by programs, or not."""
        self.desk.remote.runs_programs = runs_programs

    async def age(self, seconds: int) -> None:
        """Everything at rest is as if it had come that much earlier."""
        for kind in ("info", "local", "remote"):
            for directory, _, names in os.walk(f"{self.desk.layout.queue}/{kind}"):
                for name in names:
                    path = os.path.join(directory, name)
                    try:
                        os.utime(path, (0, os.stat(path).st_mtime - seconds))
                    except FileNotFoundError:
                        continue

    async def alarm(self) -> None:
        self.desk.running.manager.all_due()

    async def settle(self) -> None:
        queue = self.desk.running
        await self.desk.until(lambda: not queue.manager.busy and not queue.intake.drafts and queue._todo.is_idle())

    async def crash(self) -> None:
        """kill -9: the disk as it is, and nothing of what was in memory. Reports of that life reach nobody.

        Between steps to disk, for a copy takes time; a cut within them is the power cuts' matter.
        """
        await self.settle()
        successor = self.desk.copy(self._home())
        self.abandoned.append(self.desk)
        self.desk = successor
        self.desk.open()

    async def restart(self) -> None:
        """TERM and a new start; deliveries in progress are deferred."""
        stopping = self.desk.running.stop()
        while self.desk.held:
            self.desk.held.pop()[1](SOFT)
        await stopping
        self.desk.open()

    async def end(self) -> None:
        """All agents deliver now, time passes: everything must go."""

        def deliver(attempt: Attempt, before: int) -> Outcome:
            self.note(attempt, DID)
            return DID

        self.desk.script = deliver
        await self.reachable(True)
        for report in self.desk.remote.looking:
            for place in range(6):
                report(place, SOFT)
        for attempt, report in self.desk.held:
            self.note(attempt, DID)
            report(DID)
        self.desk.held.clear()
        deadline = time.monotonic() + 20
        await self.settle()
        while self.desk.running.manager.mail or self.desk.files():
            assert time.monotonic() < deadline, (self.desk.files(), self.desk.lines[-20:])
            self.desk.running.manager.all_due()
            await self.desk.settle()

    def judge(self) -> None:
        """Nobody was forgotten."""
        got = {attempt.recipient for attempt in self.delivered if attempt.sender}
        bounces = [attempt for attempt in self.delivered if not attempt.sender or attempt.sender == b"#@[]"]
        for recipient in self.promised:
            told = [attempt for attempt in bounces if b"<%s>:" % recipient in attempt.message]
            assert recipient in got or told or self.is_triple(recipient), f"{recipient!r} is lost"
            if told and recipient not in got:
                assert self.has_failed(recipient)

    def has_failed(self, recipient: bytes) -> bool:
        """Whether a delivery to this recipient failed, as the log has it."""
        for desk in (self.desk, *self.abandoned):
            for started in (line for line in desk.lines if line.endswith(b" " + recipient)):
                delivery = started.split()[2].rstrip(b":")
                if any(line.startswith(b"delivery %s: failure" % delivery) for line in desk.lines):
                    return True
        return False

    def is_triple(self, recipient: bytes) -> bool:
        """A bounce may itself have bounced, twice: then it is discarded, and the log has said so."""
        lines = [line for desk in (self.desk, *self.abandoned) for line in desk.lines]
        return self.has_failed(recipient) and any(line.startswith(b"triple bounce") for line in lines)

    async def close(self) -> None:
        for desk in (self.desk, *self.abandoned):
            desk.script = lambda attempt, before: SOFT
            for _, report in desk.held:
                report(SOFT)
            desk.held.clear()
            await desk.stop()


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SEGMENT_BYTES", "SMALLEST_SEGMENT_BYTES"):
        monkeypatch.setattr(writer, name, 16 * 1024)


@pytest.fixture
def fresh(memory_directory: str) -> Iterator[Callable[[], str]]:
    """A new place for each history."""
    yield lambda: tempfile.mkdtemp(dir=memory_directory)


@settings(
    max_examples=int(os.environ.get("QMTWIST_HISTORIES", "40")),
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # a history that fails is short enough to be read
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(acts=st.lists(ACTS, min_size=4, max_size=30))
@pytest_twisted.ensureDeferred
async def test_whatever_happens_nobody_is_forgotten(
    fresh: Callable[[], str], bugs: list[Any], acts: list[tuple[str, Any, Any]]
) -> None:
    directory = fresh()
    world = World(directory)
    try:
        for verb, first, second in acts:
            words = [word for word in (first, second) if word is not None]
            await getattr(world, verb)(*words)
        await world.end()
        world.judge()
    finally:
        await world.close()
        shutil.rmtree(directory, ignore_errors=True)
