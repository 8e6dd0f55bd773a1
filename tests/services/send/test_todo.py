"""todo/: what other programs have queued."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

import pytest
import pytest_twisted

from qmtwist.mail.envelope import Envelope
from qmtwist.services.send import todo
from qmtwist.wire.text0 import TodoEntry, encode_todo
from tests.support.couriers import DID, SETTINGS, Desk
from tests.support.queues import put

ANN, JOE = b"ann@mail.example.org", b"joe@mail.example.org"
GOOD = encode_todo(TodoEntry(1000, 99, Envelope(ANN, (JOE,))))
Maker = Callable[..., Desk]


def put_silently(desk: Desk, number: int, entry: bytes = GOOD) -> None:
    """A message whose program died before it could pull the trigger."""
    put(desk.layout.mess(number), b"%d\n" % number)
    put(desk.layout.todo(number), entry)


def delivered(desk: Desk) -> list[int]:
    return [int(attempt.message) for attempt in desk.attempts]


@pytest_twisted.ensureDeferred
async def test_what_is_there_at_the_start_is_taken(make_desk: Maker) -> None:
    desk = make_desk(is_open=False)
    put_silently(desk, 50)
    desk.open()
    await desk.until(lambda: delivered(desk) == [50])
    await desk.settle()
    assert desk.files() == {}


@pytest_twisted.ensureDeferred
async def test_a_lost_trigger_is_made_up_for_by_the_regular_look(
    make_desk: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qmtwist.services.send import queue

    monkeypatch.setattr(queue, "SCAN_INTERVAL_S", 0.05)
    desk = make_desk()
    await desk.settle()
    put_silently(desk, 50)
    await desk.until(lambda: delivered(desk) == [50])


@pytest_twisted.ensureDeferred
async def test_many_messages_are_taken_in_batches_the_oldest_numbers_first(make_desk: Maker) -> None:
    desk = make_desk(is_open=False, concurrencylocal=1)
    numbers = list(range(100, 100 + 2 * todo.BATCH + 5))
    for number in reversed(numbers):
        put_silently(desk, number)
    desk.open()
    await desk.until(lambda: len(desk.attempts) == len(numbers))
    assert delivered(desk) == numbers


@pytest_twisted.ensureDeferred
async def test_more_bad_entries_than_a_batch_holds_leave_room_for_good_ones(make_desk: Maker) -> None:
    desk = make_desk(is_open=False)
    for number in range(100, 100 + todo.BATCH + 10):
        put_silently(desk, number, b"rubbish\0")
    desk.open()
    for _ in range(3):
        desk.running._todo.wake()
        await desk.settle()
    put_silently(desk, 5000)
    desk.running._todo.wake()
    await desk.until(lambda: delivered(desk) == [5000])


@pytest_twisted.ensureDeferred
async def test_a_mended_entry_is_taken_at_the_next_look(make_desk: Maker) -> None:
    desk = make_desk()
    await desk.settle()
    desk.put_todo(50, b"u1\0p2\0Fs@x\0Zbad\0", b"50\n")
    await desk.until(lambda: b"warning: unknown record type in todo/50" in desk.lines)
    await desk.settle()
    desk.put_todo(50, GOOD, b"50\n")
    await desk.until(lambda: delivered(desk) == [50])
    await desk.settle()
    assert desk.running._todo._bad == {}


@pytest_twisted.ensureDeferred
async def test_a_message_that_comes_during_a_look_is_not_overlooked(
    make_desk: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk()
    await desk.settle()
    real = todo.scan_todo

    def late(layout: object) -> list[int]:
        numbers = list(real(layout))  # type: ignore[arg-type]
        if not os.path.exists(desk.layout.todo(50)) and not desk.attempts:
            desk.reactor.callFromThread(put_silently, desk, 50)
            desk.reactor.callFromThread(desk.running._todo.wake)
        return numbers

    monkeypatch.setattr(todo, "scan_todo", late)
    desk.running._todo.wake()
    await desk.until(lambda: delivered(desk) == [50])


@pytest_twisted.ensureDeferred
async def test_a_directory_that_cannot_be_read_is_told_and_read_again_soon(
    make_desk: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(todo, "SLEEP_S", 0.05)
    desk = make_desk()
    await desk.settle()

    def refuse(layout: object) -> list[int]:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(todo, "scan_todo", refuse)
        desk.put_todo(50, GOOD, b"50\n")
        await desk.until(
            lambda: any(line.startswith(b"alert: unable to opendir todo, sleeping") for line in desk.lines)
        )
    await desk.until(lambda: delivered(desk) == [50])


@pytest_twisted.ensureDeferred
async def test_nothing_is_taken_while_stopping_and_all_of_it_at_the_next_start(make_desk: Maker) -> None:
    desk = make_desk(lambda attempt, before: None if attempt.sender == b"slow@x" else DID)
    await desk.submit(b"slow@x", [b"slow@mail.example.org"])
    await desk.until(lambda: desk.held)
    stopping = desk.running.stop()
    desk.put_todo(50, GOOD, b"50\n")
    ((_, report),) = desk.held
    desk.held.clear()
    report(DID)
    await stopping
    assert "todo/50" in desk.files()
    desk.attempts.clear()
    desk.settings = SETTINGS
    desk.open()
    await desk.until(lambda: delivered(desk) == [50])
