"""The queue manager on a disk that refuses: nothing acknowledged is lost, and when the fault is gone all drains."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import pytest_twisted

from qmtwist.mail.errors import MailError
from qmtwist.mail.outcome import Outcome
from qmtwist.scheduler import destinations
from qmtwist.services.seams import Receipt
from qmtwist.services.send import bounces, ending, mail, queue, service, settling
from qmtwist.store import durable
from qmtwist.store.journal import segment
from qmtwist.store.queue import clean, preprocess, records, rest
from tests.support.couriers import DID, NO_MAILBOX, SETTINGS, SOFT, Attempt, Desk
from tests.support.faults import FaultyOs

ANN, JOE, NOBODY = b"ann@mail.example.org", b"joe@mail.example.org", b"nobody@mail.example.org"
Maker = Callable[..., Desk]


async def queued(desk: Desk, *recipients: bytes, size: int = 100) -> int:
    receipt = await desk.submit(ANN, list(recipients), b"Subject: t\n\n" + b"x" * size)
    assert isinstance(receipt, Receipt), receipt
    return receipt.number


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bookkeeping that failed is tried again soon."""
    monkeypatch.setattr(ending, "SLEEP_SYSFAIL_S", 0.05)
    monkeypatch.setattr(service, "SLEEP_SYSFAIL_S", 0)


def failing_once(real: Callable[..., Any], *errors: OSError) -> Callable[..., Any]:
    """The call, but its first calls raise these."""
    left = list(errors)

    def call(*words: Any, **named: Any) -> Any:
        if left:
            raise left.pop(0)
        return real(*words, **named)

    return call


EIO = OSError(errno.EIO, "Input/output error")


# -- bounces


@pytest_twisted.ensureDeferred
async def test_a_bounce_whose_copy_cannot_be_read_is_tried_again(
    make_desk: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trouble comes late, when the queue has made the copying wait."""
    desk = make_desk(lambda attempt, before: NO_MAILBOX if attempt.sender else DID, journalmax_bytes=10_000)
    real, tries = bounces.copy_of_file, []

    def copy(message: mail.FileMail, limit_bytes: int) -> Iterator[bytes]:
        tries.append(message)
        yield b"x" * 600_000
        if len(tries) == 1:
            raise EIO
        yield from real(message, limit_bytes)

    monkeypatch.setattr(bounces, "copy_of_file", copy)
    await queued(desk, NOBODY, size=100_000)
    await desk.until(lambda: len(tries) == 2)
    await desk.until(lambda: any(attempt.sender == b"" for attempt in desk.attempts))
    await desk.settle()
    assert b"warning: trouble injecting bounce message, will try later" in desk.lines
    assert desk.files() == {}
    assert not desk.running.manager.mail


@pytest_twisted.ensureDeferred
async def test_a_bounce_note_that_cannot_be_written_leaves_the_recipient_undone(
    make_desk: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [SOFT, NO_MAILBOX, NO_MAILBOX]
    desk = make_desk(lambda attempt, before: answers.pop(0) if attempt.sender else DID)
    number = await queued(desk, JOE)
    await desk.until(lambda: os.path.exists(desk.layout.info(number)))
    await desk.settle()
    monkeypatch.setattr(settling.bounce_notes, "append_note", failing_once(settling.bounce_notes.append_note, EIO))
    desk.running.manager.all_due()
    await desk.until(lambda: any(b"unable to append to bounce message" in line for line in desk.lines))
    await desk.settle()
    assert desk.files()[f"local/{number % 23}/{number}"] == b"T" + JOE + b"\0"
    desk.running.manager.all_due()
    await desk.until(lambda: any(attempt.sender == b"" for attempt in desk.attempts))
    await desk.settle()
    assert desk.files() == {}


@pytest_twisted.ensureDeferred
async def test_a_mark_that_cannot_be_written_is_told_and_delays_nobody(
    make_desk: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk(lambda attempt, before: DID if before else SOFT)
    number = await queued(desk, JOE)
    await desk.until(lambda: os.path.exists(desk.layout.info(number)))
    await desk.settle()
    monkeypatch.setattr(records, "mark_done", failing_once(records.mark_done, EIO))
    desk.running.manager.all_due()
    await desk.until(lambda: len(desk.attempts) == 2)
    await desk.settle()
    name = f"local/{number % 23}/{number}"
    assert f"warning: trouble marking {name}; message will be delivered twice!".encode() in desk.lines
    assert desk.files() == {}


@pytest_twisted.ensureDeferred
async def test_a_message_whose_file_is_gone_is_told_to_its_sender_when_it_is_given_up(make_desk: Maker) -> None:
    """A damaged queue may have an info file without its message; it must not be tried for ever."""
    desk = make_desk(lambda attempt, before: DID, is_open=False)
    for path, data in (
        (desk.layout.info(46), b"F" + ANN + b"\0"),
        (desk.layout.channel("local", 46), b"T" + JOE + b"\0"),
    ):
        with open(path, "wb") as stream:
            stream.write(data)
    os.utime(desk.layout.info(46), (0, 1000))
    desk.open()
    await desk.until(lambda: desk.attempts)
    await desk.settle()
    (bounce,) = desk.attempts
    assert bounce.recipient == ANN
    assert b"<joe@mail.example.org>:\nqmail-spawn unable to open message. (#4.3.0)\nI'm not going" in bounce.message
    assert bounce.message.endswith(b"--- The message itself is lost: its file is not in the queue any more.\n")
    assert desk.files() == {}


# -- rest


@pytest_twisted.ensureDeferred
async def test_a_batch_that_cannot_rest_holds_up_no_other(make_desk: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "REST_BATCH", 1)
    monkeypatch.setattr(ending, "put_to_rest", failing_once(rest.put_to_rest, OSError(errno.ENOSPC, "full")))
    desk = make_desk(lambda attempt, before: SOFT)
    numbers = [await queued(desk, JOE) for _ in range(3)]
    await desk.until(lambda: len(desk.attempts) == 3)
    await desk.until(lambda: sum(os.path.exists(desk.layout.info(number)) for number in numbers) == 2)
    await desk.settle()
    (left,) = desk.running.manager.mail.values()
    assert not left.is_leaving
    assert sorted(number for _, number in desk.running.manager.machine.waiting("local")) == numbers
    await desk.stop()
    assert all(os.path.exists(desk.layout.info(number)) for number in numbers)


@pytest_twisted.ensureDeferred
async def test_what_waits_long_for_its_rest_is_not_kept_in_memory(
    make_desk: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_ready = threading.Event()

    def put_when_ready(*words: Any) -> None:
        assert is_ready.wait(30)
        rest.put_to_rest(*words)

    monkeypatch.setattr(ending, "REST_BATCH", 1)
    monkeypatch.setattr(ending, "put_to_rest", put_when_ready)
    desk = make_desk(lambda attempt, before: SOFT)
    numbers = [await queued(desk, JOE) for _ in range(4)]
    mails = list(desk.running.manager.mail.values())
    try:
        await desk.until(lambda: all(one.is_leaving for one in mails))
        kept = [one.number for one in mails if isinstance(one, mail.JournalMail) and one.content is not None]
        assert len(kept) == 2, "the one that is written, and the next"
    finally:
        is_ready.set()
    await desk.until(lambda: not desk.running.manager.mail)
    assert desk.running.manager._kept_bytes == 0
    texts = {durable.read(desk.layout.mess(number)).partition(b"Subject:")[2] for number in numbers}
    assert len(texts) == 1
    assert texts.pop().startswith(b" t\n\nxxx")


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("batch", [1, 256])
async def test_a_stop_with_an_unreadable_message_ends_and_the_journal_stays(
    make_desk: Maker, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(queue, "REST_BATCH", batch)
    desk = make_desk(lambda attempt, before: DID, concurrencylocal=0)
    numbers = [await queued(desk, b"r%d@mail.example.org" % at) for at in range(3)]
    entry = desk.running.manager.mail[numbers[1]]
    assert isinstance(entry, mail.JournalMail)
    entry.content = None
    with monkeypatch.context() as patch:
        patch.setattr(segment.Segment, "read", failing_once(lambda *_: b"", EIO))
        await desk.stop()
    assert b"alert: messages stay in the journal until the next start: [Errno 5] Input/output error" in desk.lines
    desk.settings = SETTINGS
    desk.open()
    await desk.until(lambda: len(desk.attempts) >= 3)
    await desk.settle()
    assert sorted(attempt.recipient for attempt in desk.attempts) == [b"r%d@mail.example.org" % at for at in range(3)]
    assert desk.files() == {}


@pytest_twisted.ensureDeferred
async def test_files_that_cannot_be_removed_are_removed_later(
    make_desk: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk(lambda attempt, before: DID if before else SOFT)
    number = await queued(desk, JOE)
    await desk.until(lambda: os.path.exists(desk.layout.info(number)))
    await desk.settle()
    monkeypatch.setattr(ending, "remove", failing_once(clean.remove, EIO, EIO))
    desk.running.manager.all_due()
    await desk.until(lambda: len(desk.attempts) == 2)
    await desk.until(lambda: desk.files() == {})
    await desk.settle()
    assert not desk.running.manager.mail
    assert sum(b"unable to clean up" in line for line in desk.lines) == 2


# -- old segments


async def crowd(desk: Desk, count: int) -> None:
    """Messages that are delivered at once and fill segments."""
    for _ in range(count):
        desk.running.manager._crowd_looked_at = 0.0
        await queued(desk, JOE, size=100_000)


@pytest_twisted.ensureDeferred
async def test_what_waits_for_a_busy_destination_holds_no_old_segment(
    make_desk: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "OLD_SEGMENTS", 1)
    monkeypatch.setattr(destinations, "WAITING_LIMIT", 5)
    copied: list[object] = []
    monkeypatch.setattr(ending.Ending, "_copy", lambda self, mail: copied.append(mail))
    desk = make_desk(lambda attempt, before: None if attempt.channel == "remote" else DID, concurrencyperhost=1)
    numbers = [await queued(desk, b"r%d@tarpit.example" % at, size=2000) for at in range(12)]
    await desk.until(lambda: len(desk.held) == 1)
    await crowd(desk, 40)
    await desk.until(lambda: len(desk.attempts) == 41)
    await desk.settle_but_held()
    await desk.until(lambda: sum(os.path.exists(desk.layout.info(number)) for number in numbers) == 11)
    assert {entry.number for entry in copied} == {numbers[0]}  # type: ignore[attr-defined]
    while len(desk.attempts) < 52 or desk.held:
        await desk.until(lambda: desk.held)
        desk.held.pop()[1](DID)
    await desk.settle()
    assert len({attempt.recipient for attempt in desk.attempts}) == 13
    assert desk.files() == {}


@pytest_twisted.ensureDeferred
async def test_what_holds_an_old_segment_is_copied_or_put_to_rest(
    make_desk: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "OLD_SEGMENTS", 1)

    def script(attempt: Attempt, before: int) -> Outcome | None:
        return None if attempt.recipient == b"held@mail.example.org" else DID

    desk = make_desk(script, concurrencyremote=0)
    held = await queued(desk, b"held@mail.example.org", b"gone@mail.example.org", NOBODY, size=2000)
    parked = await queued(desk, b"parked@remote.example")
    await desk.until(lambda: len(desk.attempts) == 3)
    entry = desk.running.manager.mail[held]
    assert isinstance(entry, mail.JournalMail)
    first = entry.place.segment
    await crowd(desk, 40)
    await desk.until(lambda: len(desk.attempts) == 43 and len(desk.running.manager.mail) == 1)
    await desk.settle_but_held()
    assert os.path.exists(desk.layout.info(parked))
    assert entry.place.segment is not first
    assert len(os.listdir(desk.layout.journal)) <= 6
    entry.content = None
    assert entry.read().endswith(b"x" * 2000)
    again = make_desk(like=desk)
    again.script = lambda attempt, before: DID
    await again.until(lambda: again.attempts)
    await again.settle_but_held()
    assert [attempt.recipient for attempt in again.attempts] == [b"held@mail.example.org"]
    assert again.attempts[0].message.endswith(b"x" * 2000)


@pytest_twisted.ensureDeferred
async def test_a_message_that_ends_while_it_is_copied_does_not_come_back(
    make_desk: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk(lambda attempt, before: None)
    number = await queued(desk, b"held@mail.example.org")
    await desk.until(lambda: desk.held)
    entry = desk.running.manager.mail[number]
    assert isinstance(entry, mail.JournalMail)
    with desk.running.journal._lock:  # the copy waits
        desk.running.ending._copy(entry)
        ((_, report),) = desk.held
        desk.held.clear()
        report(DID)
    desk.script = lambda attempt, before: DID
    await queued(desk, JOE)
    await desk.settle()
    flushed: list[bool] = []
    desk.running.journal.flush(lambda: flushed.append(True))
    await desk.until(lambda: flushed)
    active = desk.running.journal._active
    assert active is not None
    assert active.holds == 0
    again = make_desk(like=desk)
    await again.settle()
    assert again.attempts == []


@pytest_twisted.ensureDeferred
async def test_an_old_message_that_cannot_be_read_disturbs_no_newcomer(
    make_desk: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "OLD_SEGMENTS", 0)
    desk = make_desk(lambda attempt, before: None if attempt.recipient == b"held@mail.example.org" else DID)
    number = await queued(desk, b"held@mail.example.org")
    await desk.until(lambda: desk.held)
    entry = desk.running.manager.mail[number]
    assert isinstance(entry, mail.JournalMail)
    entry.content = None
    with monkeypatch.context() as patch:
        patch.setattr(segment.Segment, "read", lambda *_: (_ for _ in ()).throw(EIO))
        await crowd(desk, 12)
        await desk.until(lambda: len(desk.attempts) == 13)
    assert any(b"trouble reading message %d in the journal" % number in line for line in desk.lines)


# -- every call in its turn

MODULES = (records, rest, preprocess, clean, durable, mail)


async def history(desk: Desk) -> int:
    """Deferral, failure, bounce, rest, retry, a foreign message, a large one; how many were acknowledged."""
    acknowledged = 0
    for recipients, size in (((JOE, NOBODY), 100), ((b"once@remote.example",), 5000), ((NOBODY,), 3000)):
        try:
            answer = await desk.submit(ANN, list(recipients), b"x" * size)
        except MailError as refusal:
            answer = refusal
        acknowledged += isinstance(answer, Receipt)
    await desk.settle()
    desk.running.manager.all_due()
    desk.running._todo.wake()
    await desk.settle()
    return acknowledged


def first_defers(attempt: Attempt, before: int) -> Outcome:
    """Everything is deferred once; then `nobody` fails, unless it is a bounce."""
    if attempt.sender and not before:
        return SOFT
    return NO_MAILBOX if attempt.recipient == NOBODY else DID


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EMFILE, errno.EACCES])
async def test_whatever_disk_call_fails_everybody_is_served_or_bounced_in_the_end(
    make_desk: Maker, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    desk, failing = make_desk(first_defers, journalmax_bytes=2000), 0
    while True:
        failing += 1 if code == errno.EIO else 4
        desk.attempts.clear()
        faulty = FaultyOs(failing, code)
        with monkeypatch.context() as patch:
            for module in MODULES:
                patch.setattr(module, "os", faulty)
            acknowledged = await history(desk)
        for _ in range(3):
            desk.running.manager.all_due()
            desk.running._todo.wake()
            await desk.settle()
        await desk.until(lambda: not desk.running.manager.mail)
        await desk.settle()
        left = desk.files()
        assert not any(name.startswith(("info", "local", "remote", "todo", "bounce")) for name in left), left
        recipients = {attempt.recipient for attempt in desk.attempts if attempt.sender}
        bounced = b"".join(attempt.message for attempt in desk.attempts if not attempt.sender)
        if acknowledged == 3:
            assert recipients == {JOE, NOBODY, b"once@remote.example"}
            assert bounced.count(b"<nobody@mail.example.org>:") >= 2
        if not faulty.has_failed:
            break
    assert failing > 60
