"""The queue manager, from acceptance to the end of every message: agents out of a script, all else real."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import attrs
import pytest
import pytest_twisted
from twisted.logger import LogEvent

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import MailError, Temporary
from qmtwist.mail.outcome import Outcome
from qmtwist.services.seams import Receipt
from qmtwist.wire.text0 import TodoEntry, encode_todo
from tests.support.couriers import DID, NO_MAILBOX, SENT, SOFT, Attempt, Desk, anonymous

ANN, JOE, NOBODY = b"ann@mail.example.org", b"joe@mail.example.org", b"nobody@mail.example.org"
BODY = b"Subject: test\n\nbody\n"
Maker = Callable[..., Desk]


async def queued(desk: Desk, sender: bytes, *recipients: bytes, message: bytes = BODY) -> int:
    """Queue a message; its number."""
    receipt = await desk.submit(sender, list(recipients), message)
    assert isinstance(receipt, Receipt), receipt
    return receipt.number


def name(kind: str, number: int) -> str:
    return f"{kind}/{number % 23}/{number}"


def is_clean(desk: Desk) -> bool:
    """Whether nothing is left: no file, no message in memory, no step under way, no journal segment held."""
    manager = desk.running.manager
    held = sum(segment.holds for segment in desk.running.journal.held_segments())
    active = desk.running.journal._active
    return (
        desk.files() == {}
        and not manager.mail
        and not manager.busy
        and manager._kept_bytes == 0
        and held + (active.holds if active else 0) == 0
    )


# -- ends


@pytest_twisted.ensureDeferred
async def test_a_message_that_everybody_got_leaves_nothing(make_desk: Maker) -> None:
    desk = make_desk()
    await queued(desk, ANN, JOE, b"ok@remote.example")
    await desk.settle()
    assert [attempt.recipient for attempt in desk.attempts] == [JOE, b"ok@remote.example"]
    assert anonymous(desk.attempts[0].message) == (
        b"Received: (qmail <PID> invoked by uid 1000); <RFC822DATE>\nSubject: test\n\nbody\n"
    )
    assert is_clean(desk)
    await desk.stop()
    assert desk.files() == {}
    assert os.listdir(desk.layout.journal) == []


@pytest_twisted.ensureDeferred
async def test_a_message_without_recipients_ends_at_once(make_desk: Maker) -> None:
    desk = make_desk()
    await queued(desk, ANN)
    await desk.settle()
    assert desk.log()[1:] == [
        "new msg <MSG1>",
        f"info msg <MSG1>: bytes <N> from <{ANN.decode()}> qp <PID> uid 1000",
        "end msg <MSG1>",
    ]
    assert is_clean(desk)


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


@pytest_twisted.ensureDeferred
async def test_a_recipient_without_a_host_is_refused_by_us_and_bounces(make_desk: Maker) -> None:
    """Routing appends a host always; a foreign queue file may lack it."""
    desk = make_desk()
    desk.layout = desk.running.layout
    await desk.stop()
    for path, data in (
        (desk.layout.mess(46), BODY),
        (desk.layout.info(46), b"F" + ANN + b"\0"),
        (desk.layout.channel("local", 46), b"Thostless\0"),
    ):
        with open(path, "wb") as stream:
            stream.write(data)
    desk.open()
    await desk.settle()
    assert "delivery 1: failure: Sorry,_address_must_include_host_name._(#5.1.3)/" in desk.log()
    assert [attempt.recipient for attempt in desk.attempts] == [ANN]
    assert is_clean(desk)


@pytest_twisted.ensureDeferred
async def test_each_recipient_of_a_verp_message_sees_a_sender_of_its_own(make_desk: Maker) -> None:
    desk = make_desk()
    await queued(desk, b"list-owner-@mail.example.org-@[]", b"a@r1.example", NOBODY)
    await desk.settle()
    assert {(a.sender, a.recipient) for a in desk.attempts} == {
        (b"list-owner-a=r1.example@mail.example.org", b"a@r1.example"),
        (b"list-owner-nobody=mail.example.org@mail.example.org", NOBODY),
        (b"", b"list-owner-@mail.example.org"),
    }


# -- deferrals


@pytest_twisted.ensureDeferred
async def test_a_deferred_message_rests_in_qmails_own_files(make_desk: Maker) -> None:
    desk = make_desk()
    before = int(time.time())
    number = await queued(desk, ANN, b"soft@remote.example", b"ok@remote.example", JOE)
    await desk.until(lambda: os.path.exists(desk.layout.info(number)))
    await desk.settle()
    found = desk.files()
    message = found.pop(name("mess", number))
    assert message.endswith(b"\nSubject: test\n\nbody\n")
    assert found == {
        name("info", number): b"F" + ANN + b"\0",
        name("remote", number): b"Tsoft@remote.example\0Dok@remote.example\0",
    }
    birth = os.stat(desk.layout.info(number)).st_mtime
    assert before <= birth <= time.time()
    assert os.stat(desk.layout.channel("remote", number)).st_mtime == birth + 400
    modes = {kind: os.stat(f"{desk.layout.queue}/{name(kind, number)}").st_mode & 0o7777 for kind in ("mess", "info")}
    assert modes == {"mess": 0o644, "info": 0o600}
    assert not desk.running.manager.mail
    assert desk.running.manager.machine.waiting("remote") == [(int(birth) + 400, number)]


@pytest_twisted.ensureDeferred
async def test_alarm_tries_again_at_once_and_success_ends_it(make_desk: Maker) -> None:
    desk = make_desk()
    number = await queued(desk, ANN, b"once@remote.example")
    await desk.until(lambda: os.path.exists(desk.layout.info(number)))
    await desk.settle()
    desk.running.manager.all_due()
    await desk.settle()
    assert [attempt.recipient for attempt in desk.attempts] == [b"once@remote.example"] * 2
    assert desk.attempts[0].message == desk.attempts[1].message
    assert is_clean(desk)


@pytest_twisted.ensureDeferred
async def test_a_retry_comes_by_itself_when_it_is_due(make_desk: Maker) -> None:
    desk = make_desk()
    number = await queued(desk, ANN, b"once@remote.example")
    await desk.until(lambda: os.path.exists(desk.layout.info(number)))
    await desk.stop()
    due = int(time.time()) + 2
    os.utime(desk.layout.channel("remote", number), (due, due))
    desk.open()
    await desk.until(lambda: len(desk.attempts) == 2)
    assert time.time() >= due
    await desk.settle()
    assert is_clean(desk)


@pytest_twisted.ensureDeferred
async def test_an_old_message_fails_at_its_next_deferral_and_says_so(make_desk: Maker) -> None:
    desk = make_desk()
    number = await queued(desk, ANN, b"soft@remote.example", b"once@remote.example")
    await desk.until(lambda: os.path.exists(desk.layout.info(number)))
    await desk.settle()
    os.utime(desk.layout.info(number), (0, time.time() - 604801))
    desk.running.manager.all_due()
    await desk.settle()
    (bounce,) = [attempt.message for attempt in desk.attempts if attempt.sender == b""]
    assert (
        b"<soft@remote.example>:\nSorry, I was not able to establish an SMTP connection. (#4.4.1)\n"
        b"I'm not going to try again; this message has been in the queue too long.\n\n--- Below"
    ) in bounce
    assert b"once@remote.example" not in bounce.partition(b"--- Below")[0]
    assert is_clean(desk)


@pytest_twisted.ensureDeferred
async def test_a_failure_after_a_deferral_is_kept_in_files_until_all_are_done(make_desk: Maker) -> None:
    answers = {b"a@remote.example": SOFT, b"b@remote.example": NO_MAILBOX}
    desk = make_desk(lambda attempt, before: answers.get(attempt.recipient, DID))
    number = await queued(desk, ANN, b"a@remote.example", b"b@remote.example", b"c@remote.example")
    await desk.until(lambda: os.path.exists(desk.layout.info(number)))
    await desk.settle()
    assert desk.files()[f"bounce/{number}"].startswith(b"<b@remote.example>:\nSorry, no mailbox")
    assert desk.files()[name("remote", number)] == b"Ta@remote.example\0Db@remote.example\0Dc@remote.example\0"
    answers[b"a@remote.example"] = NO_MAILBOX
    desk.running.manager.all_due()
    await desk.settle()
    (bounce,) = [attempt.message for attempt in desk.attempts if attempt.sender == b""]
    head = bounce.partition(b"--- Below")[0]
    assert head.index(b"<b@remote.example>") < head.index(b"<a@remote.example>")
    assert is_clean(desk)


@pytest_twisted.ensureDeferred
async def test_a_deferral_waits_for_the_other_channel_before_the_message_rests(make_desk: Maker) -> None:
    def script(attempt: Attempt, before: int) -> Outcome | None:
        return SOFT if attempt.channel == "remote" else None

    desk = make_desk(script)
    number = await queued(desk, ANN, b"soft@remote.example", JOE)
    await desk.until(lambda: "delivery 2: deferral" in " ".join(desk.log()))
    assert not os.path.exists(desk.layout.info(number))
    ((_, report),) = desk.held
    desk.held.clear()
    report(DID)
    await desk.until(lambda: os.path.exists(desk.layout.info(number)))
    await desk.settle()
    assert name("local", number) not in desk.files()
    assert desk.files()[name("remote", number)] == b"Tsoft@remote.example\0"


@pytest_twisted.ensureDeferred
async def test_a_message_deferred_here_is_still_tried_there_when_a_slot_is_free(make_desk: Maker) -> None:
    """It rests in files while its other channel has not had its turn."""

    def script(attempt: Attempt, before: int) -> Outcome | None:
        if attempt.channel == "local":
            return SOFT
        return None if attempt.recipient == b"slow@remote.example" else SENT

    desk = make_desk(script, concurrencyremote=1)
    await queued(desk, ANN, b"slow@remote.example")
    await desk.until(lambda: desk.held)
    number = await queued(desk, ANN, b"fast@remote.example", JOE)
    await desk.until(lambda: os.path.exists(desk.layout.info(number)) and not desk.running.manager.busy)
    assert desk.files()[name("remote", number)] == b"Tfast@remote.example\0"
    ((_, report),) = desk.held
    desk.held.clear()
    report(SENT)
    await desk.until(lambda: desk.attempts[-1].recipient == b"fast@remote.example")
    await desk.settle()
    assert sorted(desk.files()) == [name("info", number), name("local", number), name("mess", number)]


@pytest_twisted.ensureDeferred
async def test_concurrency_zero_keeps_mail_waiting_and_a_reload_lets_it_go(make_desk: Maker) -> None:
    desk = make_desk(concurrencyremote=0)
    await queued(desk, ANN, b"ok@remote.example")
    await desk.settle()
    assert desk.attempts == []
    desk.running.apply(attrs.evolve(desk.settings, concurrencyremote=1))
    await desk.until(lambda: desk.attempts)
    await desk.settle()
    assert is_clean(desk)


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


@pytest_twisted.ensureDeferred
async def test_more_slots_are_used_at_once(make_desk: Maker) -> None:
    desk = make_desk(lambda attempt, before: None, concurrencylocal=2)
    for at in range(6):
        await queued(desk, ANN, b"r%d@mail.example.org" % at)
    await desk.until(lambda: len(desk.held) == 2)
    desk.running.apply(attrs.evolve(desk.settings, concurrencylocal=5))
    await desk.until(lambda: len(desk.held) == 5)
    assert "status: local 5/5 remote 0/20" in desk.log()


@pytest_twisted.ensureDeferred
async def test_a_bug_in_an_agents_place_defers_one_recipient_and_keeps_no_slot(
    make_desk: Maker, bugs: list[LogEvent]
) -> None:
    def broken(attempt: Attempt, before: int) -> Outcome:
        raise RuntimeError("a bug")

    desk = make_desk(broken, concurrencylocal=1)
    await queued(desk, ANN, JOE)
    await desk.until(lambda: "delivery 1: deferral" in " ".join(desk.log()))
    assert [event["log_failure"].getErrorMessage() for event in bugs] == ["a bug"]
    bugs.clear()
    desk.script = lambda attempt, before: DID
    await desk.settle()
    desk.running.manager.all_due()
    await desk.until(lambda: desk.attempts[-1].recipient == JOE and len(desk.attempts) == 2)
    await desk.settle()
    assert is_clean(desk)


# -- large messages, foreign messages


@pytest_twisted.ensureDeferred
async def test_a_large_message_goes_by_files_and_is_delivered_whole(make_desk: Maker) -> None:
    desk = make_desk()
    large = b"Subject: large\n\n" + os.urandom(700_000).hex().encode()
    number = await queued(desk, ANN, JOE, message=large)
    await desk.until(lambda: desk.attempts)
    await desk.settle()
    (attempt,) = desk.attempts
    assert attempt.message.endswith(b"\n" + large)
    assert attempt.message.startswith(b"Received: (qmail %d invoked by uid 1000); " % number)
    assert f"info msg <MSG1>: bytes <N> from <{ANN.decode()}> qp <PID> uid 1000" in desk.log()
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


@pytest_twisted.ensureDeferred
async def test_a_message_of_another_program_is_heard_of_by_the_trigger(make_desk: Maker) -> None:
    desk = make_desk()
    await desk.settle()
    desk.put_todo(4711, encode_todo(TodoEntry(1000, 99, Envelope(ANN, (JOE, b"ok@remote.example")))))
    await desk.until(lambda: len(desk.attempts) == 2)
    await desk.settle()
    assert b"info msg 4711: bytes 23 from <ann@mail.example.org> qp 99 uid 1000" in desk.lines
    assert {attempt.message for attempt in desk.attempts} == {b"Subject: foreign\n\nbody\n"}
    assert is_clean(desk)


@pytest_twisted.ensureDeferred
async def test_a_foreign_message_without_recipients_ends_at_once(make_desk: Maker) -> None:
    desk = make_desk()
    await desk.settle()
    desk.put_todo(4711, encode_todo(TodoEntry(1000, 99, Envelope(ANN, ()))))
    await desk.until(lambda: b"end msg 4711" in desk.lines)
    await desk.settle()
    assert is_clean(desk)


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (b"u1\0p2\0Fs@x\0Zbad\0", b"unknown record type"),
        (b"u" + b"9" * 5000 + b"\0p2\0Fs@x\0", b"not a number"),
        (b"u1\0p2\0Fs@x\0Tr@x", b"unterminated record"),
        (b"u1\0p2\0Tr@x\0", b"no sender"),
        (b"", b"no sender"),
    ],
)
async def test_a_bad_todo_entry_is_told_once_kept_and_holds_nobody_up(
    make_desk: Maker, bad: bytes, problem: bytes
) -> None:
    desk = make_desk()
    await desk.settle()
    for _ in range(3):
        desk.put_todo(46, bad)
        await desk.until(lambda: any(b"todo/46" in line for line in desk.lines))
        await desk.settle()
    assert [line for line in desk.lines if b"todo/46" in line] == [b"warning: %s in todo/46" % problem]
    assert desk.files()["todo/46"] == bad
    desk.put_todo(47, encode_todo(TodoEntry(1, 2, Envelope(ANN, (JOE,)))))
    await desk.until(lambda: b"end msg 47" in desk.lines)


# -- signals


@pytest_twisted.ensureDeferred
async def test_new_rules_route_what_comes_and_leave_what_is_sorted(make_desk: Maker) -> None:
    desk = make_desk(lambda attempt, before: SOFT)
    await queued(desk, ANN, b"x@v.example")
    await desk.until(lambda: len(desk.attempts) == 1)
    await desk.settle()
    desk.running.apply(attrs.evolve(desk.settings, virtualdomains={b"v.example": b"joe"}))
    await queued(desk, ANN, b"y@v.example")
    await desk.until(lambda: len(desk.attempts) == 2)
    await desk.settle()
    desk.running.manager.all_due()
    await desk.until(lambda: len(desk.attempts) == 4)
    await desk.settle()
    assert sorted(attempt[:1] + attempt[2:3] for attempt in desk.attempts) == [
        ("local", b"joe-y@v.example"),
        ("local", b"joe-y@v.example"),
        ("remote", b"x@v.example"),
        ("remote", b"x@v.example"),
    ]


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
