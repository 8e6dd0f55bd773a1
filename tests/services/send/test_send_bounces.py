"""The queue manager: who is told of failures, how much of the message they see, and bounces that cannot be queued."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import pytest_twisted

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import MailError, Temporary
from qmtwist.mail.outcome import Outcome
from qmtwist.services.seams import Receipt
from tests.support.couriers import NO_MAILBOX, Attempt, Desk, anonymous
from tests.support.queue_desk import ANN, JOE, NOBODY, Maker, is_clean, name, queued


@pytest_twisted.ensureDeferred
async def test_failures_go_to_the_sender_then_to_the_postmaster_then_nowhere(make_desk: Maker) -> None:
    def nobody(attempt: Attempt, before: int) -> Outcome:
        return NO_MAILBOX

    desk = make_desk(nobody)
    await queued(desk, ANN, NOBODY)
    await desk.settle()
    told = [(attempt.sender, attempt.recipient) for attempt in desk.attempts]
    assert told == [(ANN, NOBODY), (b"", ANN), (b"#@[]", b"postmaster@mail.example.org")]
    assert desk.log()[-2:] == ["triple bounce: discarding bounce/<MSG3>", "end msg <MSG3>"]
    assert is_clean(desk)


@pytest_twisted.ensureDeferred
async def test_one_bounce_lists_all_failures_and_copies_the_message(make_desk: Maker) -> None:
    desk = make_desk()
    await queued(desk, ANN, NOBODY, b"hard@remote.example", JOE)
    await desk.settle()
    (bounce,) = [attempt.message for attempt in desk.attempts if attempt.sender == b""]
    head, _, copy = anonymous(bounce).partition(b"--- Below this line is a copy of the message.\n\n")
    assert head.count(b"<nobody@mail.example.org>:\n") == head.count(b"<hard@remote.example>:\n") == 1
    assert JOE not in head
    assert copy == (
        b"Return-Path: <ann@mail.example.org>\n"
        b"Received: (qmail <PID> invoked by uid 1000); <RFC822DATE>\nSubject: test\n\nbody\n"
    )
    assert is_clean(desk)


@pytest.mark.parametrize("size", [500_000, 100_000])
@pytest_twisted.ensureDeferred
async def test_a_message_that_fails_is_copied_into_its_bounce_up_to_bouncemaxbytes(make_desk: Maker, size: int) -> None:
    limit = size - 50_000
    desk = make_desk(bouncemax_bytes=limit)
    await queued(desk, ANN, NOBODY, message=b"y" * size)
    await desk.until(lambda: any(attempt.sender == b"" for attempt in desk.attempts))
    await desk.settle()
    bounce = desk.attempts[-1].message
    assert bounce.endswith(b"yyyy\n--- The message was longer; the rest of it is not shown.\n")
    assert limit - 1_000 < bounce.count(b"y") < limit + 100
    assert is_clean(desk)


@pytest_twisted.ensureDeferred
async def test_a_message_as_long_as_bouncemaxbytes_is_copied_whole(make_desk: Maker) -> None:
    desk = make_desk()
    await queued(desk, ANN, NOBODY, message=b"Subject: x\n\n" + b"y" * 20_000 + b"\n")
    await desk.until(lambda: any(attempt.sender == b"" for attempt in desk.attempts))
    await desk.settle()
    assert desk.attempts[-1].message.endswith(b"y\n")


# -- bounces that cannot be queued


class Broken:
    """An intake that refuses at one of its steps, as often as it is told."""

    def __init__(self, desk: Desk, step: str) -> None:
        self.desk = desk
        self.step = step
        self.number = 1
        self.ended: list[str] = []

    def open(self, origin: object, on_drain: Callable[[], None]) -> Broken:
        if self.step == "open":
            raise Temporary("qq temporary problem (#4.3.0)", "4.3.0")
        return self

    def write(self, data: bytes) -> bool:
        return True

    def commit(self, envelope: Envelope, done: Callable[[Receipt | MailError], None]) -> None:
        self.ended.append("commit")
        self.desk.reactor.callLater(0, done, Temporary("qq temporary problem (#4.3.0)", "4.3.0"))

    def abandon(self) -> None:
        self.ended.append("abandon")


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("step", ["open", "commit"])
async def test_a_bounce_that_cannot_be_queued_is_kept_and_tried_again(
    make_desk: Maker, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    from qmtwist.services.send import ending

    monkeypatch.setattr(ending, "SLEEP_SYSFAIL_S", 0.05)
    desk = make_desk()
    desk.use_bounce_intake(Broken(desk, step))
    number = await queued(desk, ANN, NOBODY)
    warning = b"warning: trouble injecting bounce message, will try later"
    await desk.until(lambda: desk.lines.count(warning) >= 2)
    await desk.stop()
    assert sorted(desk.files()) == [f"bounce/{number}", name("info", number), name("mess", number)]
    desk.open()
    await desk.until(lambda: any(attempt.sender == b"" for attempt in desk.attempts))
    await desk.settle()
    assert is_clean(desk)


@pytest_twisted.ensureDeferred
async def test_bounces_owed_from_before_go_through_the_program_of_this_run(make_desk: Maker) -> None:
    """The intake for bounces is named right after opening: none may slip out before."""
    desk = make_desk()
    desk.use_bounce_intake(Broken(desk, "open"))
    await queued(desk, ANN, NOBODY)
    await desk.until(lambda: any(line.startswith(b"warning: trouble injecting") for line in desk.lines))
    await desk.stop()
    broken = Broken(desk, "commit")
    desk.open()
    desk.use_bounce_intake(broken)
    await desk.until(lambda: broken.ended)
    assert not any(attempt.sender == b"" for attempt in desk.attempts)
