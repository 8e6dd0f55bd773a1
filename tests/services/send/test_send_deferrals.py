"""The queue manager: what is deferred rests and comes again; slots and rules that change meanwhile."""

from __future__ import annotations

import os
import time

import attrs
import pytest_twisted
from twisted.logger import LogEvent

from qmtwist.mail.outcome import Outcome
from tests.support.couriers import DID, NO_MAILBOX, SENT, SOFT, Attempt
from tests.support.queue_desk import ANN, JOE, Maker, is_clean, name, queued

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


# -- new rules


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
