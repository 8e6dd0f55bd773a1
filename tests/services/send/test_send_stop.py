"""The queue manager stopped, killed and started again: nothing is lost, and nothing that ended is repeated."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
import pytest_twisted

from qmtwist.mail.errors import MailError, Temporary
from qmtwist.mail.outcome import Outcome
from tests.support.couriers import DID, NO_MAILBOX, SOFT, Attempt, Desk
from tests.support.queue_desk import ANN, JOE, NOBODY, Maker, is_clean, name, queued

# -- stopping, dying, starting


@pytest_twisted.ensureDeferred
async def test_after_a_stop_all_that_was_not_delivered_is_a_plain_qmail_queue(make_desk: Maker) -> None:
    desk = make_desk(concurrencylocal=0, concurrencyremote=0)
    first = await queued(desk, ANN, JOE, b"ok@remote.example")
    second = await queued(desk, ANN, JOE, message=b"x" * 300_000)
    await desk.stop()
    assert os.listdir(desk.layout.journal) == []
    found = desk.files()
    assert found[name("info", first)] == b"F" + ANN + b"\0"
    assert found[name("local", first)] == b"T" + JOE + b"\0"
    assert found[name("remote", first)] == b"Tok@remote.example\0"
    assert found[name("mess", second)].endswith(b"x" * 300_000)
    assert sorted(found) == sorted(
        [name(kind, first) for kind in ("info", "local", "mess", "remote")]
        + [name(kind, second) for kind in ("info", "local", "mess")]
    )
    assert desk.log()[-1] == "status: exiting"


@pytest_twisted.ensureDeferred
async def test_stopping_waits_for_a_delivery_and_starts_no_other(make_desk: Maker) -> None:
    desk = make_desk(lambda attempt, before: None, concurrencylocal=1)
    number = await queued(desk, ANN, JOE, b"jim@mail.example.org")
    await desk.until(lambda: desk.held)
    stopping = desk.running.queue_stopping = desk.running.stop()  # type: ignore[attr-defined]
    await desk.until(lambda: desk.running.manager.machine.is_stopping)
    assert isinstance(_refusal(desk), Temporary)
    ((_, report),) = desk.held
    desk.held.clear()
    report(DID)
    await stopping
    desk.queue = None
    assert len(desk.attempts) == 1
    assert desk.log()[-2:] == ["status: local 0/1 remote 0/20 exitasap", "status: exiting"]
    assert desk.files()[name("local", number)] == b"D" + JOE + b"\0Tjim@mail.example.org\0"


def _refusal(desk: Desk) -> MailError | None:
    try:
        desk.begin()
    except MailError as error:
        return error
    return None


@pytest_twisted.ensureDeferred
async def test_recipients_never_tried_before_a_stop_are_tried_at_the_next_start(make_desk: Maker) -> None:
    """They do not wait for the retry of those that were tried."""
    desk = make_desk(lambda attempt, before: None if not before else DID, concurrencylocal=1)
    await queued(desk, ANN, JOE, b"jim@mail.example.org")
    await desk.until(lambda: desk.held)
    stopping = desk.running.stop()
    ((_, report),) = desk.held
    desk.held.clear()
    report(DID)
    await stopping
    desk.script = lambda attempt, before: DID
    desk.open()
    await desk.until(lambda: len(desk.attempts) == 2)
    assert desk.attempts[-1].recipient == b"jim@mail.example.org"
    await desk.settle()
    assert is_clean(desk)


@pytest_twisted.ensureDeferred
async def test_a_failure_while_stopping_is_told_to_the_sender_after_the_next_start(make_desk: Maker) -> None:
    desk = make_desk(lambda attempt, before: None)
    number = await queued(desk, ANN, NOBODY)
    await desk.until(lambda: desk.held)
    stopping = desk.running.stop()
    ((_, report),) = desk.held
    desk.held.clear()
    report(NO_MAILBOX)
    await stopping
    assert not [line for line in desk.log() if line.startswith("warning")]
    assert sorted(desk.files()) == [f"bounce/{number}", name("info", number), name("mess", number)]
    desk.script = lambda attempt, before: DID
    desk.open()
    await desk.until(lambda: len(desk.attempts) == 2)
    assert desk.attempts[-1][:3] == ("local", b"", ANN)
    await desk.settle()
    assert is_clean(desk)


@pytest_twisted.ensureDeferred
async def test_a_bounce_that_is_being_queued_is_finished_before_the_stop(make_desk: Maker) -> None:
    """Large, so that it takes a while to queue it."""
    desk = make_desk(lambda attempt, before: NO_MAILBOX if attempt.sender else DID, journalmax_bytes=10_000)
    number = await queued(desk, ANN, NOBODY, message=b"x" * 500_000)
    await desk.until(lambda: desk.running.intake.drafts)
    await desk.until(lambda: "delivery 1: failure" in " ".join(desk.log()))
    await desk.stop()
    desk.open()
    await desk.until(lambda: any(attempt.sender == b"" for attempt in desk.attempts))
    await desk.settle()
    assert sum(attempt.sender == b"" for attempt in desk.attempts) == 1
    assert f"end msg {number}".encode() in desk.lines
    assert is_clean(desk)


@pytest_twisted.ensureDeferred
async def test_stopping_twice_is_stopping_once(make_desk: Maker) -> None:
    desk = make_desk()
    queue = desk.running
    assert queue.stop() is queue.stop()
    await desk.stop()


@pytest_twisted.ensureDeferred
async def test_messages_on_their_way_into_files_arrive_there_before_the_stop(make_desk: Maker) -> None:
    desk = make_desk(lambda attempt, before: SOFT)
    numbers = [await queued(desk, ANN, JOE) for _ in range(300)]
    await desk.until(lambda: len(desk.attempts) >= 290)
    await desk.stop()
    found = desk.files()
    assert {number for number in numbers if name("info", number) in found} == set(numbers)
    assert len(found) == 3 * len(numbers)
    assert os.listdir(desk.layout.journal) == []


@pytest_twisted.ensureDeferred
async def test_after_a_kill_only_what_was_not_marked_is_delivered_again(make_desk: Maker) -> None:
    def script(attempt: Attempt, before: int) -> Outcome | None:
        return {JOE: DID, NOBODY: NO_MAILBOX}.get(attempt.recipient)

    desk = make_desk(script)
    await queued(desk, ANN, JOE, NOBODY, b"late@mail.example.org", b"slow@remote.example")
    await queued(desk, ANN, b"single@remote.example")
    await desk.until(lambda: len(desk.held) == 3)
    flushed: list[bool] = []
    desk.running.journal.flush(lambda: flushed.append(True))
    await desk.until(lambda: flushed)
    again = make_desk(like=desk)
    again.script = lambda attempt, before: DID
    await again.settle()
    assert sorted(attempt.recipient for attempt in again.attempts if attempt.sender) == [
        b"late@mail.example.org",
        b"single@remote.example",
        b"slow@remote.example",
    ]
    (bounce,) = [attempt for attempt in again.attempts if not attempt.sender]
    assert bounce.recipient == ANN
    assert b"<nobody@mail.example.org>:\nSorry, no mailbox" in bounce.message
    assert is_clean(again)


@pytest_twisted.ensureDeferred
async def test_after_a_kill_ended_messages_do_not_come_back(make_desk: Maker) -> None:
    desk = make_desk()
    for _ in range(20):
        await queued(desk, ANN, JOE)
    await desk.settle()
    flushed: list[bool] = []
    desk.running.journal.flush(lambda: flushed.append(True))
    await desk.until(lambda: flushed)
    again = make_desk(like=desk)
    await again.settle()
    assert again.attempts == []
    assert is_clean(again)


@pytest_twisted.ensureDeferred
async def test_a_kill_during_a_clean_stop_loses_nothing_and_repeats_nothing_ended(make_desk: Maker) -> None:
    desk = make_desk(lambda attempt, before: SOFT if attempt.recipient == JOE else DID)
    numbers = [await queued(desk, ANN, JOE if at % 2 else ANN) for at in range(20)]
    await desk.settle()
    await desk.until(lambda: all(os.path.exists(desk.layout.info(number)) for number in numbers[1::2]))
    await desk.settle()
    again = make_desk(like=desk)
    again.script = lambda attempt, before: DID
    again.running.manager.all_due()
    await again.settle()
    assert {attempt.recipient for attempt in again.attempts} <= {JOE, ANN}
    assert sum(attempt.recipient == JOE for attempt in again.attempts) == 10
    assert is_clean(again)


# -- orders ahead of their slots


@pytest_twisted.ensureDeferred
async def test_a_stop_begins_nothing_that_was_handed_over_ahead(make_desk: Maker) -> None:
    desk = make_desk(lambda attempt, before: None, concurrencylocal=2)
    for at in range(6):
        await queued(desk, ANN, b"r%d@mail.example.org" % at)
    await desk.until(lambda: len(desk.held) == 2)
    stopping = desk.running.stop()
    for _, report in desk.held:
        report(DID)
    desk.held.clear()
    await stopping.addTimeout(10, desk.reactor)
    assert len(desk.attempts) == 2
    assert sum(line.startswith("starting delivery") for line in desk.log()) == 2
    assert len([name for name in desk.files() if name.startswith("local/")]) == 4
    desk.script = lambda attempt, before: DID
    desk.open()
    await desk.until(lambda: len(desk.attempts) == 6)
    await desk.settle()
    assert is_clean(desk)


@pytest_twisted.ensureDeferred
async def test_a_delivery_that_asks_for_its_slot_while_stopping_never_begins(make_desk: Maker) -> None:
    """Its agent may report on it all the same: that means nothing."""
    asked: list[tuple[Callable[[Callable[[], None]], None], Callable[[Outcome], None]]] = []

    class Slow:
        def deliver(self, order: object, descriptor: object, report: Any, permit: Any = None) -> None:
            asked.append((permit, report))

    desk = make_desk()
    manager = desk.running.manager
    manager.engage(Slow(), desk.remote, desk.running.ending)
    await queued(desk, ANN, JOE)
    await desk.until(lambda: asked)
    stopping = desk.running.stop()
    ((permit, report),) = asked
    permit(lambda: pytest.fail("begun"))
    await stopping.addTimeout(10, desk.reactor)
    report(SOFT)
    assert not any(line.startswith(("starting", "delivery")) for line in desk.log())
    desk.open()
    await desk.until(lambda: len(desk.attempts) == 1)
    await desk.settle()
    assert is_clean(desk)
