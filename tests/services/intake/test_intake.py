"""Where messages come in: what is answered is durable, and whatever goes wrong ends with an answer."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor  # noqa: TID251  # tests run in the global one
from twisted.internet.defer import Deferred
from twisted.logger import LogEvent

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import MailError, Temporary
from qmtwist.services.intake import journal as intake
from qmtwist.services.seams import Receipt
from qmtwist.store import durable
from qmtwist.store.journal import segment
from qmtwist.store.queue import accept, numbers
from tests.support.couriers import DID, LIMIT_S, Desk
from tests.support.faults import FaultyOs

ANN, JOE = b"ann@mail.example.org", b"joe@mail.example.org"
Maker = Callable[..., Desk]


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def commit(draft: Any, *recipients: bytes) -> Deferred[Receipt | MailError]:
    answered: Deferred[Receipt | MailError] = Deferred()
    draft.commit(Envelope(ANN, recipients or (JOE,)), answered.callback)
    return answered.addTimeout(LIMIT_S, reactor)


async def is_healthy(desk: Desk) -> None:
    """The queue takes and delivers a small and a large message, and nothing of anything stays behind."""
    before = len(desk.attempts)
    for size in (10, 200_000):
        assert isinstance(await desk.submit(ANN, [JOE], b"h" * size), Receipt)
    await desk.until(lambda: len(desk.attempts) >= before + 2)
    await desk.settle()
    assert desk.running.intake.drafts == 0
    assert desk.files() == {}


# -- the way into files


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EMFILE, errno.EACCES])
async def test_whatever_disk_call_fails_a_large_message_is_refused_or_queued_whole(
    make_desk: Maker, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    desk = make_desk(journalmax_bytes=1000)
    body = b"0123456789" * 1000
    assert isinstance(await desk.submit(ANN, [JOE], body), Receipt)  # threads and lazy files are there now
    await desk.settle()
    before, refusals, failing = descriptors(), 0, 0
    while True:
        failing += 1
        faulty = FaultyOs(failing, code)
        delivered = len(desk.attempts)
        with monkeypatch.context() as patch:
            for module in (accept, durable):
                patch.setattr(module, "os", faulty)
            draft = desk.begin()
            for start in range(0, len(body), 2500):
                draft.write(body[start : start + 2500])
            answer = await commit(draft)
            await desk.until(lambda: not desk.running.intake.drafts)
        await desk.settle()
        if not faulty.has_failed:
            break
        if isinstance(answer, Receipt):
            await desk.until(lambda seen=delivered: len(desk.attempts) > seen)
        else:
            assert isinstance(answer, Temporary)
            refusals += 1
        await desk.settle()
        assert all(attempt.message.endswith(body) for attempt in desk.attempts[delivered:])
        assert desk.files() == {} or "unlink" in faulty.calls
        for name in desk.files():
            os.unlink(f"{desk.layout.queue}/{name}")
    assert refusals > 10
    assert descriptors() == before
    await is_healthy(desk)


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("pieces", [1, 2, 3, 8])
async def test_a_large_message_given_up_in_the_middle_leaves_nothing(make_desk: Maker, pieces: int) -> None:
    desk = make_desk(journalmax_bytes=1000)
    await is_healthy(desk)
    before = descriptors()
    for wait in (False, True):
        draft = desk.begin()
        for _ in range(pieces):
            draft.write(b"x" * 700)
        if wait:
            await desk.until(lambda: pieces == 1 or desk.files())
        draft.abandon()
        await desk.until(lambda: not desk.running.intake.drafts)
        assert desk.files() == {}
    assert descriptors() == before
    assert desk.lines.count(b"new msg 0") == 0
    await is_healthy(desk)


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("when", ["begin", "write"])
async def test_giving_up_a_message_that_the_disk_refused_ends_it_too(
    make_desk: Maker, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    desk = make_desk(journalmax_bytes=1000)

    def refuse(*arguments: object) -> None:
        raise accept.AcceptError(accept.Step.WRITE, OSError(errno.ENOSPC, "full"))

    with monkeypatch.context() as patch:
        patch.setattr(*((accept, "begin") if when == "begin" else (accept.Acceptance, "write")), refuse)
        draft = desk.begin()
        for _ in range(4):
            draft.write(b"x" * 700)
        await desk.until(lambda: draft._problem is not None)
        draft.abandon()
        await desk.until(lambda: not desk.running.intake.drafts)
        assert desk.files() == {} and not desk.attempts
    await is_healthy(desk)


@pytest_twisted.ensureDeferred
async def test_a_client_faster_than_the_disk_is_held_back_until_it_has_caught_up(
    make_desk: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk(journalmax_bytes=1000)
    go_on, drained = threading.Event(), []
    real = accept.Acceptance.write

    def slow(self: accept.Acceptance, data: bytes) -> None:
        assert go_on.wait(10)
        real(self, data)

    monkeypatch.setattr(accept.Acceptance, "write", slow)
    draft = desk.begin(lambda: drained.append(True))
    taken = 0
    while draft.write(b"x" * 50_000):
        taken += 1
        assert taken < 100
    assert taken * 50_000 <= intake.SPOOL_AHEAD_BYTES
    assert not drained
    go_on.set()
    await desk.until(lambda: drained)
    assert draft.write(b"y")
    assert isinstance(await commit(draft), Receipt)
    await desk.until(lambda: desk.attempts)
    assert desk.attempts[0].message.endswith(b"x" * 50_000 * (taken + 1) + b"y")


@pytest_twisted.ensureDeferred
async def test_a_bug_on_the_way_into_files_is_logged_and_answered_as_temporary(
    make_desk: Maker, monkeypatch: pytest.MonkeyPatch, bugs: list[LogEvent]
) -> None:
    desk = make_desk(journalmax_bytes=1000)
    with monkeypatch.context() as patch:
        patch.setattr(accept.Acceptance, "seal", lambda self: 1 // 0)
        assert isinstance(await desk.submit(ANN, [JOE], b"x" * 5000), Temporary)
    assert [event["log_failure"].type for event in bugs] == [ZeroDivisionError]
    bugs.clear()
    assert desk.files() == {}
    await is_healthy(desk)


@pytest_twisted.ensureDeferred
async def test_a_message_is_told_at_exactly_the_limit_by_its_size_with_our_line(make_desk: Maker) -> None:
    """At the limit by the journal, above it by files: both arrive."""
    desk = make_desk(journalmax_bytes=1000)
    head = desk.begin()
    received = len(head._chunks[0])
    head.abandon()
    for size, is_small in ((1000 - received, True), (1001 - received, False)):
        draft = desk.begin()
        draft.write(b"x" * size)
        assert (draft._works is None) is is_small
        assert isinstance(await commit(draft), Receipt)
    await desk.until(lambda: len(desk.attempts) == 2)
    await is_healthy(desk)


# -- the way into the journal


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EMFILE, errno.EACCES])
async def test_whatever_disk_call_fails_a_small_message_is_refused_or_delivered(
    make_desk: Maker, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    desk = make_desk()
    for failing in range(1, 200):
        faulty = FaultyOs(failing, code)
        delivered = len(desk.attempts)
        with monkeypatch.context() as patch:
            for module in (segment, durable):
                patch.setattr(module, "os", faulty)
            try:
                answer = await desk.submit(ANN, [JOE], b"x" * 60_000)
            except Temporary as refused:
                answer = refused
            await desk.settle()
        await desk.settle()
        assert (len(desk.attempts) > delivered) == isinstance(answer, Receipt)
        if failing > 40 and not faulty.has_failed:
            break
    await is_healthy(desk)


@pytest_twisted.ensureDeferred
async def test_an_envelope_too_large_for_a_segment_goes_by_files(make_desk: Maker) -> None:
    desk = make_desk(lambda attempt, before: DID)
    recipients = [b"%0900d@mail.example.org" % at for at in range(600)]
    assert isinstance(await desk.submit(ANN, recipients), Receipt)
    await desk.until(lambda: len(desk.attempts) == 600)
    await is_healthy(desk)


@pytest_twisted.ensureDeferred
async def test_a_client_whose_session_breaks_at_the_answer_harms_no_other(
    make_desk: Maker, bugs: list[LogEvent]
) -> None:
    """All of a batch hear their answers; and what is durable is delivered, whoever listens."""
    desk = make_desk()

    def broken(result: Receipt | MailError) -> None:
        raise RuntimeError("a bug in a session")

    first, second = desk.begin(), desk.begin()
    journal = desk.running.journal
    with journal._lock:  # so that both are in one batch
        first.commit(Envelope(ANN, (b"first@mail.example.org",)), broken)
        answer = commit(second, b"second@mail.example.org")
    assert isinstance(await answer, Receipt)
    await desk.until(lambda: len(desk.attempts) == 2)
    await desk.settle()
    assert [event["log_failure"].getErrorMessage() for event in bugs] == ["a bug in a session"]
    bugs.clear()
    await is_healthy(desk)


@pytest_twisted.ensureDeferred
async def test_without_numbers_nothing_is_taken_and_nothing_is_forgotten(
    make_desk: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk()

    def refuse(*arguments: object) -> range:
        raise OSError(errno.EIO, "no numbers")

    with monkeypatch.context() as patch:
        patch.setattr(numbers, "reserve", refuse)
        with pytest.raises(Temporary):
            desk.begin()
    assert desk.running.intake.drafts == 0
    await is_healthy(desk)


# -- refusals


@pytest_twisted.ensureDeferred
async def test_near_the_end_of_the_disk_nothing_is_taken_but_deliveries_go_on(make_desk: Maker) -> None:
    desk = make_desk(lambda attempt, before: DID if before else None)
    assert isinstance(await desk.submit(ANN, [JOE]), Receipt)
    await desk.until(lambda: desk.held)
    minfree_bytes, desk.running.intake.minfree_bytes = desk.running.intake.minfree_bytes, 1 << 62
    desk.running.intake._looked = 0.0
    with pytest.raises(Temporary) as refused:
        desk.begin()
    assert refused.value.status == "4.3.1"
    ((_, report),) = desk.held
    desk.held.clear()
    report(DID)
    await desk.settle()
    assert not desk.running.manager.mail
    desk.running.intake.minfree_bytes = minfree_bytes
    desk.running.intake._looked = 0.0
    desk.begin().abandon()
    desk.script = lambda attempt, before: DID
    await is_healthy(desk)


def test_a_full_disk_is_told_from_a_broken_one() -> None:
    assert intake.refusal(OSError(errno.ENOSPC, "")).status == "4.3.1"
    assert intake.refusal(OSError(errno.EDQUOT, "")).status == "4.3.1"
    assert intake.refusal(OSError(errno.EIO, "")).status == "4.3.0"


# -- the end


@pytest_twisted.ensureDeferred
async def test_a_stop_from_within_the_answer_loses_nothing(make_desk: Maker) -> None:
    desk = make_desk(concurrencylocal=0)
    await desk.settle()
    await desk.submit(ANN, [JOE])  # what follows runs before the queue manager hears of the message
    await desk.stop()
    assert desk.files() != {}
