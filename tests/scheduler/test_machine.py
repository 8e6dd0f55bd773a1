"""The timetable: what is started when, and that nothing is lost or started twice."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from qmtwist.scheduler.machine import Machine
from qmtwist.scheduler.orders import Closed, Open, Start, Transact

LIFETIME_S = 604800


def machine(local: int = 2, remote: int = 2) -> Machine:
    return Machine({"local": local, "remote": remote}, LIFETIME_S)


def start_all(timetable: Machine, recipients: dict[int, int], now: int = 0, birth: int = 0) -> list[Start | Transact]:
    """Carry out Open orders from a table of recipient counts; the other orders that came."""
    started: list[Start | Transact] = []
    while (order := timetable.next_order(now)) is not None:
        if not isinstance(order, Open):
            started.append(order)
        elif order.channel == "local":
            timetable.local.opened(order.number, birth, range(recipients[order.number]), now)
        else:
            places = [(at, b"r.example") for at in range(recipients[order.number])]
            timetable.remote.opened(order.number, birth, places, 1, now)
    return started


def start_local(timetable: Machine, recipients: dict[int, int], now: int = 0, birth: int = 0) -> list[Start]:
    """The same where all is local."""
    return [order for order in start_all(timetable, recipients, now, birth) if isinstance(order, Start)]


def test_a_message_is_started_up_to_the_concurrency_of_its_channel() -> None:
    timetable = machine(local=2)
    timetable.add_fresh("local", 7)
    assert [(s.number, s.recipient) for s in start_local(timetable, {7: 3})] == [(7, 0), (7, 1)]
    assert timetable.used("local") == 2


def test_concurrency_zero_lets_mail_wait_for_ever() -> None:
    timetable = machine(local=0)
    timetable.add_fresh("local", 7)
    assert timetable.next_order(10**9) is None
    assert timetable.next_due(0) is None


def test_tickets_count_up_over_both_channels() -> None:
    timetable = machine()
    timetable.add_fresh("local", 1)
    timetable.add_fresh("remote", 1)
    assert [order[0] for order in start_all(timetable, {1: 1})] == [1, 2]


def test_a_deferred_recipient_is_left_for_the_quadratic_retry() -> None:
    timetable = machine()
    timetable.add_fresh("local", 7)
    (start,) = start_local(timetable, {7: 1}, now=1000, birth=1000)
    timetable.local.ended(start.delivery)
    assert timetable.settled("local", 7, False) == Closed("local", 7, 1, 1100)


def test_a_served_message_is_closed_with_nothing_left() -> None:
    timetable = machine()
    timetable.add_fresh("local", 7)
    (start,) = start_local(timetable, {7: 1})
    timetable.local.ended(start.delivery)
    closed = timetable.settled("local", 7, True)
    assert closed is not None
    assert closed.left == 0
    assert timetable.is_idle()


def test_new_messages_and_retries_take_turns() -> None:
    timetable = machine(local=1)
    for number in (1, 2, 3):
        timetable.add("local", number, 0)
    timetable.add_fresh("local", 10)
    timetable.add_fresh("local", 11)
    seen = []
    while starts := start_local(timetable, {1: 1, 2: 1, 3: 1, 10: 1, 11: 1}, now=5):
        seen.append(starts[0].number)
        timetable.local.ended(starts[0].delivery)
        timetable.settled("local", starts[0].number, True)
    assert seen == [10, 1, 11, 2, 3]


def test_alarm_makes_everything_due_in_the_old_order() -> None:
    timetable = machine(local=1)
    timetable.add("local", 2, 5000)
    timetable.add("local", 1, 4000)
    assert timetable.next_order(10) is None
    timetable.all_due()
    assert timetable.next_order(10) == Open("local", 1)


def test_after_stop_nothing_is_started_and_the_rest_of_a_job_waits() -> None:
    timetable = machine(local=1)
    timetable.add_fresh("local", 7)
    (start,) = start_local(timetable, {7: 3})
    timetable.stop()
    timetable.local.ended(start.delivery)
    closed = timetable.settled("local", 7, True)
    assert closed is not None
    assert closed.left == 2
    assert timetable.next_order(10**9) is None
    assert timetable.is_idle()


def test_an_old_message_gets_one_last_try() -> None:
    timetable = machine()
    timetable.add("local", 7, 0)
    (start,) = start_local(timetable, {7: 1}, now=LIFETIME_S + 1, birth=0)
    assert timetable.local.is_last_try(start.delivery)


def test_a_message_that_cannot_be_read_comes_again_later() -> None:
    timetable = machine()
    timetable.add_fresh("local", 7)
    assert timetable.next_order(0) == Open("local", 7)
    timetable.vanished("local", 7, 123)
    assert timetable.next_order(122) is None
    assert timetable.next_due(0) == 123
    assert timetable.next_order(123) == Open("local", 7)


@settings(deadline=None)
@given(st.data(), st.lists(st.integers(1, 4), min_size=1, max_size=6), st.integers(1, 3))
def test_every_recipient_is_served_once_whatever_the_history(
    data: st.DataObject, counts: list[int], limit: int
) -> None:
    """Reports in any order, deferrals in any pattern: a recipient marked done is never started again."""
    timetable = machine(local=limit, remote=1)
    left = {number: set(range(count)) for number, count in enumerate(counts)}
    for number in left:
        timetable.add_fresh("local", number)
    running: list[Start] = []
    now = 0
    for _ in range(400):
        while (order := timetable.next_order(now)) is not None:
            if isinstance(order, Open):
                timetable.local.opened(order.number, 0, sorted(left[order.number]), now)
            else:
                assert isinstance(order, Start)
                assert order.recipient in left[order.number]
                assert all((s.number, s.recipient) != (order.number, order.recipient) for s in running)
                running.append(order)
        assert len(running) == timetable.used("local") <= limit
        if not running:
            due = timetable.next_due(now)
            if due is None:
                break
            now = due
            continue
        start = running.pop(data.draw(st.integers(0, len(running) - 1)))
        is_served = data.draw(st.booleans()) or now > 3000
        timetable.local.ended(start.delivery)
        if is_served:
            left[start.number].remove(start.recipient)
        closed = timetable.settled("local", start.number, is_served)
        if closed is not None and closed.left:
            assert closed.left == len(left[start.number])
            timetable.add("local", start.number, closed.retry_at)
    assert not any(left.values())
