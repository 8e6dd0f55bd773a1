"""Remote mail in the queue manager: transactions, slots that are lent, stops, and reports that do not come."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import attrs
import pytest
import pytest_twisted
from twisted.logger import LogEvent

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.outcome import Outcome
from qmtwist.services.send import remote, settling
from qmtwist.wire.text0 import TodoEntry, encode_todo
from tests.support.couriers import DID, HARD, NO_MAILBOX, SENT, SOFT, Attempt, Desk
from tests.support.queue_desk import ANN, Maker, answer_all, at, hold, queued


def most_at_once(desk: Desk) -> int:
    """The largest number of remote deliveries that a status line shows."""
    return max(int(line.split()[4].split("/")[0]) for line in desk.log() if line.startswith("status: local"))


# -- groups


@pytest_twisted.ensureDeferred
async def test_recipients_at_one_host_go_in_one_transaction_with_a_slot_and_numbers_of_their_own(
    make_desk: Maker,
) -> None:
    desk = make_desk(rcptspertransaction=2)
    await queued(desk, ANN, *at(b"a.example", b"x", b"y", b"z"), b"w@b.example")
    await desk.settle()
    assert [(order.host, order.locals) for order in desk.remote.orders] == [
        (b"a.example", (b"x", b"y")),
        (b"b.example", (b"w",)),
        (b"a.example", (b"z",)),
    ]
    log = desk.log()
    assert log[3:10] == [
        "starting delivery 1: msg <MSG1> to remote x@a.example",
        "starting delivery 2: msg <MSG1> to remote y@a.example",
        "status: local 0/10 remote 1/20",
        "starting delivery 3: msg <MSG1> to remote w@b.example",
        "status: local 0/10 remote 2/20",
        "starting delivery 4: msg <MSG1> to remote z@a.example",
        "status: local 0/10 remote 3/20",
    ]
    assert [line.split(":")[0] for line in log if ": success" in line] == [f"delivery {n}" for n in (1, 2, 3, 4)]
    assert log[-2:] == ["status: local 0/10 remote 0/20", "end msg <MSG1>"]


@pytest_twisted.ensureDeferred
async def test_where_each_recipient_sees_a_sender_of_its_own_it_is_alone(make_desk: Maker) -> None:
    desk = make_desk()
    await queued(desk, b"list-@mail.example.org-@[]", *at(b"a.example", b"x", b"y"))
    await desk.settle()
    assert {(order.sender, order.locals) for order in desk.remote.orders} == {
        (b"list-x=a.example@mail.example.org", (b"x",)),
        (b"list-y=a.example@mail.example.org", (b"y",)),
    }


@pytest.mark.parametrize("is_in_files", [False, True])
@pytest_twisted.ensureDeferred
async def test_each_recipient_of_a_transaction_has_an_end_of_its_own(make_desk: Maker, is_in_files: bool) -> None:
    answers = {b"soft": SOFT, b"hard": HARD, b"none": NO_MAILBOX}
    desk = make_desk(lambda attempt, before: answers.get(attempt.recipient.partition(b"@")[0], DID))
    recipients = at(b"a.example", b"good", b"soft", b"hard", b"none")
    if is_in_files:
        await desk.settle()
        number = 4711
        desk.put_todo(number, encode_todo(TodoEntry(1000, 99, Envelope(ANN, tuple(recipients)))))
    else:
        number = await queued(desk, ANN, *recipients)
    await desk.until(lambda: os.path.exists(desk.layout.info(number)) and len(desk.attempts) == 4)
    await desk.settle()
    assert len(desk.remote.orders) == 1
    found = desk.files()
    split = f"{number % 23}/{number}"
    assert found[f"remote/{split}"] == b"Dgood@a.example\0Tsoft@a.example\0Dhard@a.example\0Dnone@a.example\0"
    note = found[f"bounce/{number}"]
    assert note.startswith(b"<hard@a.example>:\ndoes not like recipient.\n")
    assert b"\n\n<none@a.example>:\nSorry, no mailbox" in note
    answers.clear()
    desk.running.manager.all_due()
    await desk.settle()
    assert desk.remote.orders[-1].locals == (b"soft",)
    (bounce,) = [attempt for attempt in desk.attempts if attempt.sender == b""]
    assert bounce.recipient == ANN
    assert desk.files() == {}


@pytest_twisted.ensureDeferred
async def test_a_recipient_that_is_refused_early_is_logged_at_once_and_marked_with_the_others(
    make_desk: Maker,
) -> None:
    desk = make_desk(lambda attempt, before: NO_MAILBOX if attempt.recipient.startswith(b"no") else None)
    await queued(desk, ANN, *at(b"a.example", b"no", b"late"))
    await desk.until(lambda: "delivery 1: failure" in " ".join(desk.log()))
    assert desk.log()[-1].startswith("delivery 1: failure")  # the slot is still taken: no status
    assert desk.running.manager.machine.used("remote") == 1
    answer_all(desk)
    desk.script = lambda attempt, before: DID
    await desk.settle()
    assert desk.files() == {}


# -- slots


@pytest_twisted.ensureDeferred
async def test_hosts_that_do_not_answer_lend_their_slots_and_are_logged_when_they_end(make_desk: Maker) -> None:
    desk = make_desk(concurrencyremote=2)
    dead = [b"dead%d.example" % number for number in range(4)]
    desk.remote.unreachable.update(dead)
    for host in dead:
        await queued(desk, ANN, b"x@" + host)
    await desk.until(lambda: len(desk.remote.looking) == 4)
    assert sum("starting" in line for line in desk.log()) == 2
    await queued(desk, ANN, b"x@good.example")
    await desk.until(lambda: any("success" in line for line in desk.log()))
    assert most_at_once(desk) == 2
    for report in desk.remote.looking:
        report(0, SOFT)
    await desk.settle()
    log = desk.log()
    assert sum("starting" in line for line in log) == 5
    for at_line, line in enumerate(log):
        if line.startswith("starting"):
            assert log[at_line + 1].startswith("status: ")
    assert most_at_once(desk) == 2
    assert log[-1].startswith("status: local 0/10 remote 0/2")


@pytest_twisted.ensureDeferred
async def test_no_more_talk_to_other_hosts_than_there_are_slots(make_desk: Maker) -> None:
    desk = make_desk(hold, concurrencyremote=2)
    for number in range(10):
        await queued(desk, ANN, b"x@host%d.example" % number)
    await desk.until(lambda: len(desk.remote.orders) == 4)
    await desk.settle_but_held()
    assert len(desk.held) == 2
    assert len(desk.remote.orders) == 4  # two connected ones wait for a slot; more would only wait longer
    while len(desk.attempts) < 10 or desk.held:
        await desk.until(lambda: desk.held)
        assert len(desk.held) <= 2
        answer_all(desk)
    await desk.settle()
    assert most_at_once(desk) == 2
    assert desk.files() == {} and not desk.running.manager.mail


@pytest_twisted.ensureDeferred
async def test_more_slots_let_those_begin_who_have_found_their_hosts(make_desk: Maker) -> None:
    desk = make_desk(hold, concurrencyremote=2)
    for number in range(4):
        await queued(desk, ANN, b"x@host%d.example" % number)
    await desk.until(lambda: len(desk.remote.orders) == 4 and len(desk.held) == 2)
    desk.running.apply(attrs.evolve(desk.settings, concurrencyremote=3))
    await desk.until(lambda: len(desk.held) == 3)
    assert "status: local 0/10 remote 3/3" in desk.log()
    answer_all(desk)


@pytest_twisted.ensureDeferred
async def test_programs_have_one_recipient_each_and_nothing_is_ahead(make_desk: Maker) -> None:
    desk = make_desk(hold, is_open=False, concurrencyremote=3)
    desk.remote.runs_programs = True
    desk.open()
    await queued(desk, ANN, *at(b"a.example", b"x", b"y", b"z"), *at(b"b.example", b"u", b"v"))
    await desk.until(lambda: len(desk.held) == 3)
    await desk.settle_but_held()
    assert len(desk.remote.orders) == 3
    while len(desk.attempts) < 5 or desk.held:
        await desk.until(lambda: desk.held)
        assert len(desk.held) <= 3
        answer_all(desk)
    assert {len(order.locals) for order in desk.remote.orders} == {1}
    await desk.settle()


# -- stop


@pytest_twisted.ensureDeferred
async def test_a_stop_waits_for_messages_that_have_begun_and_takes_back_the_others(make_desk: Maker) -> None:
    desk = make_desk(hold, concurrencyremote=3)
    desk.remote.unreachable.update({b"dead%d.example" % number for number in range(6)})
    numbers = [
        await queued(desk, ANN, b"x@dead%d.example" % number, b"y@dead%d.example" % number) for number in range(6)
    ]
    served = await queued(desk, ANN, b"x@good.example")
    await desk.until(lambda: desk.held)
    stopping = desk.running.stop()
    assert not stopping.called
    for report in desk.remote.looking:
        report(0, SENT)  # whatever comes of them means nothing any more
    answer_all(desk)
    await stopping.addTimeout(10, desk.reactor)
    log = desk.log()
    started = {line.split()[2].rstrip(":") for line in log if line.startswith("starting")}
    assert started == {line.split()[1].rstrip(":") for line in log if line.startswith("delivery ")}
    stopped = remote.STOPPED.text.decode().strip().replace(" ", "_")
    assert {line.partition(": ")[2] for line in log if ": deferral" in line} == {f"deferral: {stopped}/"}
    found = desk.files()
    assert sorted(name for name in found if name.startswith("remote/")) == sorted(
        f"remote/{number % 23}/{number}" for number in numbers
    )
    assert b"D" not in {data[:1] for name, data in found.items() if name.startswith("remote/")}
    assert f"info/{served % 23}/{served}" not in found
    desk.remote.unreachable.clear()
    desk.script = lambda attempt, before: DID
    desk.open()
    await desk.until(lambda: len(desk.attempts) == 13)
    await desk.settle()
    assert desk.files() == {}


@pytest_twisted.ensureDeferred
async def test_a_stop_marks_what_was_refused_before_the_rest_was_taken_back(make_desk: Maker) -> None:
    desk = make_desk(concurrencyremote=2)
    desk.remote.unreachable.add(b"dead.example")
    number = await queued(desk, ANN, *at(b"dead.example", b"x", b"y"))
    await desk.until(lambda: desk.remote.looking)
    desk.remote.looking[0](1, HARD)
    await desk.stop()
    found = desk.files()
    assert found[f"remote/{number % 23}/{number}"] == b"Tx@dead.example\0Dy@dead.example\0"
    assert b"<y@dead.example>:" in found[f"bounce/{number}"]
    birth = os.stat(desk.layout.info(number)).st_mtime
    assert abs(os.stat(desk.layout.channel("remote", number)).st_mtime - birth) <= 1  # due at once


@pytest_twisted.ensureDeferred
async def test_a_host_found_after_the_stop_hears_nothing(make_desk: Maker) -> None:
    permits: list[Callable[[Callable[[], None]], None]] = []

    class Slow:
        runs_programs = False

        def transact(self, order: object, descriptor: object, report: object, permit: Any) -> None:
            permits.append(permit)

    desk = make_desk()
    desk.running.manager.engage(None, Slow(), desk.running.ending)  # type: ignore[arg-type]
    await queued(desk, ANN, b"x@a.example")
    await desk.until(lambda: permits)
    stopping = desk.running.stop()
    permits[0](lambda: pytest.fail("begun"))
    await stopping.addTimeout(10, desk.reactor)


# -- trouble


@pytest_twisted.ensureDeferred
async def test_a_bug_in_the_agents_place_defers_the_recipients_and_keeps_no_slot(
    make_desk: Maker, bugs: list[LogEvent]
) -> None:
    def broken(attempt: Attempt, before: int) -> Outcome:
        raise RuntimeError("a bug")

    desk = make_desk(broken, concurrencyremote=1)
    await queued(desk, ANN, *at(b"a.example", b"x", b"y"))
    await desk.until(lambda: "delivery 2: deferral" in " ".join(desk.log()))
    assert [event["log_failure"].getErrorMessage() for event in bugs] == ["a bug"]
    bugs.clear()
    desk.script = lambda attempt, before: DID
    await desk.settle()
    desk.running.manager.all_due()
    await desk.settle()
    assert desk.files() == {}


@pytest_twisted.ensureDeferred
async def test_a_message_that_cannot_be_read_defers_all_of_its_transaction(
    make_desk: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk()
    await desk.settle()
    recipients = tuple(at(b"a.example", b"x", b"y"))
    opened: list[int] = []

    def fail(mail: object) -> int:
        opened.append(1)
        raise OSError(5, "I/O error")

    monkeypatch.setattr("qmtwist.services.send.mail.FileMail.open_message", fail)
    desk.put_todo(4711, encode_todo(TodoEntry(1000, 99, Envelope(ANN, recipients))))
    await desk.until(lambda: sum("unable_to_open_message" in line for line in desk.log()) == 2)
    assert len(opened) == 1
    await desk.settle()
    assert desk.files()["remote/19/4711"] == b"Tx@a.example\0Ty@a.example\0"


@pytest_twisted.ensureDeferred
async def test_a_note_that_cannot_be_written_keeps_no_mark_from_those_who_were_served(
    make_desk: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = {b"x@a.example": HARD, b"y@a.example": SENT}
    desk = make_desk(lambda attempt, before: answers.get(attempt.recipient, DID))
    await desk.settle()

    def fail(layout: object, number: int, note: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(settling.bounce_notes, "append_note", fail)
        desk.put_todo(4711, encode_todo(TodoEntry(1000, 99, Envelope(ANN, tuple(answers)))))
        await desk.until(lambda: any("unable to append to bounce message" in line for line in desk.log()))
        await desk.settle()
    assert desk.files()["remote/19/4711"] == b"Tx@a.example\0Dy@a.example\0"
    desk.running.manager.all_due()
    await desk.until(lambda: any(attempt.sender == b"" for attempt in desk.attempts))
    await desk.settle()
    assert [attempt.recipient for attempt in desk.attempts if attempt.channel == "remote"].count(b"y@a.example") == 1
    assert desk.files() == {}


@pytest_twisted.ensureDeferred
async def test_a_second_report_on_a_recipient_means_nothing(make_desk: Maker) -> None:
    desk = make_desk()
    desk.remote.unreachable.add(b"dead.example")
    await queued(desk, ANN, *at(b"dead.example", b"x", b"y"))
    await desk.until(lambda: desk.remote.looking)
    for place, outcome in ((0, HARD), (0, SENT), (1, SENT), (1, HARD)):
        desk.remote.looking[0](place, outcome)
    await desk.until(lambda: any(attempt.sender == b"" for attempt in desk.attempts))
    await desk.settle()
    assert sum(line.startswith(("delivery 1:", "delivery 2:")) for line in desk.log()) == 2
    assert desk.files() == {}
