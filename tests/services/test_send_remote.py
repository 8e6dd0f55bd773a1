"""Remote mail in the queue manager: transactions, slots that are lent, destinations that are busy."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import attrs
import pytest
import pytest_twisted
from twisted.logger import LogEvent

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.outcome import Outcome
from qmtwist.scheduler import destinations
from qmtwist.services.seams import Receipt
from qmtwist.services.send import remote, service, settling
from qmtwist.wire.text0 import TodoEntry, encode_todo
from tests.support.couriers import DID, HARD, NO_MAILBOX, SENT, SOFT, Attempt, Desk

ANN, JOE = b"ann@mail.example.org", b"joe@mail.example.org"
Maker = Callable[..., Desk]


async def queued(desk: Desk, *recipients: bytes, sender: bytes = ANN) -> int:
    """Queue a message; its number."""
    receipt = await desk.submit(sender, list(recipients))
    assert isinstance(receipt, Receipt), receipt
    return receipt.number


def at(host: bytes, *names: bytes) -> list[bytes]:
    return [name + b"@" + host for name in names]


def hold(attempt: Attempt, before: int) -> Outcome | None:
    return None


def answer_all(desk: Desk, outcome: Outcome = SENT) -> None:
    held, desk.held = desk.held, []
    for _, report in held:
        report(outcome)


def most_at_once(desk: Desk) -> int:
    """The largest number of remote deliveries that a status line shows."""
    return max(int(line.split()[4].split("/")[0]) for line in desk.log() if line.startswith("status: local"))


# -- groups


@pytest_twisted.ensureDeferred
async def test_recipients_at_one_host_go_in_one_transaction_with_a_slot_and_numbers_of_their_own(
    make_desk: Maker,
) -> None:
    desk = make_desk(rcptspertransaction=2)
    await queued(desk, *at(b"a.example", b"x", b"y", b"z"), b"w@b.example")
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
    await queued(desk, *at(b"a.example", b"x", b"y"), sender=b"list-@mail.example.org-@[]")
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
        number = await queued(desk, *recipients)
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
    await queued(desk, *at(b"a.example", b"no", b"late"))
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
        await queued(desk, b"x@" + host)
    await desk.until(lambda: len(desk.remote.looking) == 4)
    assert sum("starting" in line for line in desk.log()) == 2
    await queued(desk, b"x@good.example")
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
        await queued(desk, b"x@host%d.example" % number)
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
        await queued(desk, b"x@host%d.example" % number)
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
    await queued(desk, *at(b"a.example", b"x", b"y", b"z"), *at(b"b.example", b"u", b"v"))
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
    numbers = [await queued(desk, b"x@dead%d.example" % number, b"y@dead%d.example" % number) for number in range(6)]
    served = await queued(desk, b"x@good.example")
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
    number = await queued(desk, *at(b"dead.example", b"x", b"y"))
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
    await queued(desk, b"x@a.example")
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
    await queued(desk, *at(b"a.example", b"x", b"y"))
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
    await queued(desk, *at(b"dead.example", b"x", b"y"))
    await desk.until(lambda: desk.remote.looking)
    for place, outcome in ((0, HARD), (0, SENT), (1, SENT), (1, HARD)):
        desk.remote.looking[0](place, outcome)
    await desk.until(lambda: any(attempt.sender == b"" for attempt in desk.attempts))
    await desk.settle()
    assert sum(line.startswith(("delivery 1:", "delivery 2:")) for line in desk.log()) == 2
    assert desk.files() == {}


# -- busy destinations


@pytest.mark.parametrize(("is_found", "expected"), [(True, 5), (False, 1)])
@pytest_twisted.ensureDeferred
async def test_fewer_look_for_a_host_that_is_not_found_than_talk_to_one_that_defers(
    make_desk: Maker, is_found: bool, expected: int
) -> None:
    desk = make_desk(hold, rcptspertransaction=1)
    desk.remote.unreachable.update([] if is_found else [b"far.example"])
    await queued(desk, *at(b"far.example", *(b"r%d" % number for number in range(30))))
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
        await queued(desk, b"r%d@tarpit.example" % number)
    for number in range(20):
        await queued(desk, b"r%d@host%d.example" % (number, number))
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
        await queued(desk, b"r%d@tarpit.example" % number)
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
    numbers = [await queued(desk, b"r%d@tarpit.example" % number, JOE) for number in range(40)]
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
        await queued(desk, b"r%d@tarpit.example" % number)
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
