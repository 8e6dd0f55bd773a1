"""Remote mail in the queue manager: destinations that are busy, and the crowds that wait for them."""

from __future__ import annotations

import os
from collections import Counter

import pytest
import pytest_twisted

from qmtwist.scheduler import destinations
from qmtwist.services.send import service
from tests.support.couriers import SENT, SOFT
from tests.support.queue_desk import ANN, JOE, Maker, answer_all, at, hold, queued


@pytest.mark.parametrize(("is_found", "expected"), [(True, 5), (False, 1)])
@pytest_twisted.ensureDeferred
async def test_fewer_look_for_a_host_that_is_not_found_than_talk_to_one_that_defers(
    make_desk: Maker, is_found: bool, expected: int
) -> None:
    desk = make_desk(hold, rcptspertransaction=1)
    desk.remote.unreachable.update([] if is_found else [b"far.example"])
    await queued(desk, ANN, *at(b"far.example", *(b"r%d" % number for number in range(30))))
    for _ in range(10):
        await desk.until(lambda: desk.held if is_found else desk.remote.looking)
        if is_found:
            desk.held.pop(0)[1](SOFT)
        else:
            desk.remote.looking.pop(0)(0, SOFT)
    await desk.settle_but_held()
    await desk.until(lambda: not desk.running.manager._is_pumping)
    assert len(desk.held) + len(desk.remote.looking) == expected
    desk.remote.unreachable.clear()
    desk.script = lambda attempt, before: SENT
    answer_all(desk)
    for report in desk.remote.looking:
        report(0, SOFT)
    await desk.settle()


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Destinations have room for few."""
    monkeypatch.setattr(destinations, "WAITING_LIMIT", 10)


@pytest_twisted.ensureDeferred
async def test_mail_for_a_tarpit_hides_nothing_and_all_of_it_goes_in_the_end(make_desk: Maker, few: None) -> None:
    desk = make_desk(lambda attempt, before: None if b"tarpit" in attempt.recipient else SENT)
    for number in range(200):
        await queued(desk, ANN, b"r%d@tarpit.example" % number)
    for number in range(20):
        await queued(desk, ANN, b"r%d@host%d.example" % (number, number))
    await desk.until(lambda: len(desk.attempts) >= 25)
    assert Counter(attempt.recipient.partition(b"@")[2][:4] for attempt in desk.attempts) == {b"tarp": 5, b"host": 20}
    manager = desk.running.manager
    assert len(manager.machine.waiting("remote")) == 200 - 5 - 10
    manager.all_due()
    while len(desk.attempts) < 220 or desk.held:
        await desk.until(lambda: desk.held)
        answer_all(desk)
    await desk.settle()
    assert len({attempt.recipient for attempt in desk.attempts}) == len(desk.attempts) == 220
    assert desk.files() == {} and not manager.mail and not manager.busy


@pytest_twisted.ensureDeferred
async def test_a_crowd_that_waits_for_a_tarpit_rests_in_files(
    make_desk: Maker, few: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "CROWD", 50)
    desk = make_desk(hold)
    for number in range(300):
        await queued(desk, ANN, b"r%d@tarpit.example" % number)
    await desk.until(lambda: len(desk.running.manager.mail) <= 51)
    assert sum(name.startswith("info/") for name in desk.files()) >= 240
    while len(desk.attempts) < 300 or desk.held:
        await desk.until(lambda: desk.held)
        answer_all(desk)
    await desk.settle()
    assert len({attempt.recipient for attempt in desk.attempts}) == len(desk.attempts) == 300
    assert desk.files() == {}


@pytest_twisted.ensureDeferred
async def test_after_a_stop_all_that_waited_for_a_tarpit_is_due_as_before(make_desk: Maker, few: None) -> None:
    desk = make_desk(hold)
    numbers = [await queued(desk, ANN, b"r%d@tarpit.example" % number, JOE) for number in range(40)]
    await desk.until(lambda: len(desk.held) >= 5)
    stopping = desk.running.stop()
    answer_all(desk, SOFT)
    await stopping.addTimeout(10, desk.reactor)
    found = desk.files()
    for number in numbers:
        birth = os.stat(desk.layout.info(number)).st_mtime
        due = os.stat(desk.layout.channel("remote", number)).st_mtime
        assert 0 <= due - birth <= 1 or due - birth in (400, 441)  # tried when it was 0 or 1 s old
    assert len([name for name in found if name.startswith("remote/")]) == 40
    os.utime(desk.layout.channel("remote", numbers[-1]), (4_000_000_000, 4_000_000_000))
    desk.script = hold
    desk.open()
    await desk.until(lambda: len(desk.held) >= 5)
    stopping = desk.running.stop()
    answer_all(desk, SOFT)
    await stopping.addTimeout(10, desk.reactor)
    assert os.stat(desk.layout.channel("remote", numbers[-1])).st_mtime == 4_000_000_000


@pytest_twisted.ensureDeferred
async def test_the_reactor_is_not_kept_while_many_messages_are_opened(
    make_desk: Maker, few: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk(lambda attempt, before: SOFT)
    for number in range(150):
        await queued(desk, ANN, b"r%d@tarpit.example" % number)
    await desk.settle()
    await desk.until(lambda: not desk.running.manager.mail)
    desk.script = hold
    turns: list[int] = []
    manager = desk.running.manager
    whole = manager._pump

    def counted() -> None:
        turns.append(1)
        whole()

    monkeypatch.setattr(manager, "_pump", counted)
    manager.all_due()
    await desk.until(lambda: not len(manager.machine.remote.agenda))
    assert len(turns) >= 3
    assert len(manager.mail) <= 10 + len(desk.held)
    desk.script = lambda attempt, before: SENT
    answer_all(desk)
    await desk.settle()
    assert desk.files() == {}
