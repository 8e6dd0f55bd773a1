"""The remote channel: messages for a destination that is overrun are set aside, and all of them come back."""

from __future__ import annotations

from collections import Counter

import pytest

from qmtwist.scheduler import destinations
from qmtwist.scheduler.orders import Closed, End, Open, Transact
from tests.support.destinations import Town, check, finish


def test_many_messages_for_one_destination_wait_as_bare_numbers_and_all_are_served() -> None:
    town = Town()
    for number in range(5000):
        town.send(number, [b"tarpit"])
    town.send(5000, [b"other"])
    started = town.pump()
    assert Counter(map(town.destination, started)) == {b"tarpit": 5, b"other": 1}
    known = town.channel.destinations._known[b"tarpit"]
    assert known.waiting == destinations.WAITING_LIMIT
    assert len(known.aside) == 5000 - 5 - destinations.WAITING_LIMIT
    assert len(town.machine.waiting("remote")) == len(known.aside)
    while town.out:
        town.end(next(iter(town.out)), End.SERVED)
        town.pump()
    assert town.left == {}
    assert town.started == 5001
    assert len(town.channel.destinations) == 0


def test_a_message_with_other_recipients_is_not_set_aside() -> None:
    town = Town()
    for number in range(2000):
        town.send(number, [b"tarpit"])
    town.send(2000, [b"tarpit", b"other"])
    assert any(order.number == 2000 for order in town.pump())


def test_its_recipients_at_a_destination_that_overflows_sit_the_pass_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(destinations, "OVERFULL", 1500)
    town = Town(per_transaction=1)
    town.send(0, [b"tarpit"] * 1600)
    town.pump()
    town.send(1, [b"tarpit", b"other"])
    (order,) = town.pump()
    town.end(order.ticket, End.SERVED)
    assert town.machine.waiting("remote") == [(400, 1)]
    assert not town.machine.is_open(1)


def test_a_message_set_aside_that_cannot_be_read_now_comes_again_later() -> None:
    town = Town(per_host=1)
    for number in range(1100):
        town.send(number, [b"tarpit"])
    town.pump()
    lost = town.channel.destinations._known[b"tarpit"].aside[0]
    town.end(1, End.SERVED)
    while (order := town.machine.next_order(0)) != Open("remote", lost):
        assert isinstance(order, Transact)
        town.start(order)
    town.machine.vanished("remote", lost, 77)
    assert (77, lost) in town.machine.waiting("remote")
    while town.out:
        town.end(next(iter(town.out)), End.SERVED)
        town.pump()
    town.now = 77
    assert [order.number for order in town.pump()] == [lost]


def test_alarm_and_stop_leave_what_is_set_aside_and_what_waits_as_due_as_it_was() -> None:
    town = Town(per_host=1)
    for number in range(1500):
        town.send(number, [b"tarpit"])
    (order,) = town.pump()
    town.machine.add("remote", 9000, 500)
    town.machine.all_due()
    waiting = town.machine.waiting("remote")
    assert len(waiting) == 1500 - 1 - destinations.WAITING_LIMIT + 1
    assert {due for due, _ in waiting} == {0}
    town.now = 30
    closed = town.machine.stop()
    assert {(item.left, item.retry_at) for item in closed} == {(1, 0)}  # as due as when they were opened
    assert len(closed) == destinations.WAITING_LIMIT
    assert town.pump() == []
    assert town.channel.destinations.waiting == 0
    for item in closed:
        town.close(item)
    town.end(order.ticket, End.REACHED)
    assert {number for _, number in town.machine.waiting("remote")} == {*range(1500), 9000}
    assert town.machine.is_idle()


def test_a_transaction_that_is_taken_back_leaves_its_recipients_as_due_as_they_were() -> None:
    town = Town()
    town.now = 50
    town.send(1, [b"a", b"a"])
    (order,) = town.pump()
    town.machine.stop()
    assert town.channel.recalled(order.ticket, 2) == Closed("remote", 1, 2, 50)
    assert town.machine.is_idle()
    assert town.machine.used("remote") == 0


def test_messages_that_only_wait_are_shelved_and_those_in_delivery_are_not() -> None:
    town = Town(limit=4, per_host=1, per_transaction=1)
    for number in range(1200):
        town.send(number, [b"tarpit"])
    town.send(1200, [b"tarpit", b"other"])
    town.now = 9
    town.pump()
    closed = town.channel.shelve(range(2000))
    assert {(item.left, item.retry_at) for item in closed} == {(1, 9)}
    assert not {item.number for item in closed} & {order.number for order in town.out.values()}
    for item in closed:
        town.close(item)
    check(town, (4, 1))
    town.pump()
    check(town, (4, 1))
    finish(town)
