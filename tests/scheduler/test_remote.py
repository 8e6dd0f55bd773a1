"""The remote channel: groups, destinations, turns."""

from __future__ import annotations

from qmtwist.scheduler.orders import Closed, End, Open
from tests.support.destinations import Town

# -- groups


def test_recipients_at_one_host_go_together_up_to_a_limit() -> None:
    town = Town(per_transaction=2)
    town.send(1, [b"a", b"b", b"a", b"a"])
    assert [(order.host, order.recipients) for order in town.pump()] == [(b"a", (0, 2)), (b"b", (1,)), (b"a", (3,))]
    assert town.machine.used("remote") == 3


def test_hosts_that_differ_in_case_are_one_destination_in_two_transactions() -> None:
    town = Town(per_host=1)
    town.send(1, [b"Host", b"host"])
    (first,) = town.pump()
    assert (first.host, first.recipients) == (b"Host", (0,))
    town.end(first.ticket, End.SERVED)
    assert [order.host for order in town.pump()] == [b"host"]


def test_two_messages_are_never_one_transaction() -> None:
    town = Town()
    town.send(1, [b"a"])
    town.send(2, [b"a"])
    assert [order.number for order in town.pump()] == [1, 2]


def test_recipients_without_a_host_go_somewhere_too() -> None:
    town = Town()
    town.send(1, [None, b""])
    assert {(order.host, order.recipients) for order in town.pump()} == {(None, (0,)), (b"", (1,))}


def test_where_nothing_is_lent_each_recipient_is_alone_and_nothing_is_ahead() -> None:
    town = Town(limit=2, is_lending=False)
    town.send(1, [b"a", b"a", b"a"])
    started = town.pump()
    assert [(order.recipients, order.has_slot) for order in started] == [((0,), True), ((1,), True)]


def test_one_deferred_recipient_keeps_the_message_and_the_served_are_gone() -> None:
    town = Town()
    town.send(1, [b"a", b"a", b"a"])
    (order,) = town.pump()
    town.end(order.ticket, End.SERVED, served=2)
    assert town.machine.waiting("remote") == [(400, 1)]
    town.now = 400
    (order,) = town.pump()
    assert order.recipients == (2,)


def test_a_message_whose_recipients_are_all_served_is_closed_when_it_is_opened() -> None:
    town = Town()
    town.machine.add_fresh("remote", 1)
    assert town.machine.next_order(0) == Open("remote", 1)
    assert town.channel.opened(1, 0, [], 50, 0) == Closed("remote", 1, 0, 400)


# -- destinations


def test_a_destination_begins_with_a_quarter_of_the_slots_and_at_least_two() -> None:
    for limit, per_host, expected in ((20, 20, 5), (5, 20, 2), (100, 20, 20), (20, 1, 1)):
        town = Town(limit=limit, per_host=per_host, per_transaction=1)
        town.send(1, [b"a"] * 50)
        assert len(town.pump()) == expected


def test_each_success_allows_one_more_and_each_host_not_found_half_as_many() -> None:
    town = Town(per_host=7, per_transaction=1)
    town.send(1, [b"a"] * 500)
    town.pump()
    caps = []
    ends = [End.SERVED, End.SERVED, End.SERVED, End.REACHED, *[End.UNREACHED] * 3, End.SERVED]
    for end in ends:
        town.end(next(iter(town.out)), end)
        town.pump()
        caps.append(town.channel.destinations._known[b"a"].cap)
    assert caps == [6, 7, 7, 7, 3, 1, 1, 2]
    while len(town.out) > 2:
        town.end(next(iter(town.out)), End.REACHED)
        town.pump()
    town.end(next(iter(town.out)), End.REACHED)
    assert len(town.pump()) == 1


def test_a_destination_that_lost_its_turn_to_a_lower_cap_gets_it_back() -> None:
    town = Town(limit=3, per_host=3, is_lending=False)
    town.send(1, [b"a"] * 9 + [b"b"])
    town.pump()
    town.end(1, End.SERVED)
    town.pump()
    assert town.out_by_destination() == {b"a": 2, b"b": 1}
    town.end(3, End.UNREACHED)
    assert town.pump() == []
    town.end(next(ticket for ticket, order in town.out.items() if order.host == b"a"), End.REACHED)
    assert [order.host for order in town.pump()] == [b"a"]


def test_one_transaction_looks_for_a_host_and_when_it_has_found_it_others_follow() -> None:
    town = Town(per_transaction=1, is_hazy=True)
    town.send(1, [b"a"] * 50)
    (first,) = town.pump()
    assert town.channel.found(first.ticket)
    assert len(town.pump()) == 4
    assert not town.channel.found(first.ticket + 1)


def test_a_host_that_is_not_there_any_more_is_looked_for_by_one() -> None:
    town = Town(per_transaction=1, is_hazy=True)
    town.send(1, [b"a"] * 50)
    (only,) = town.pump()
    town.end(only.ticket, End.SERVED)
    several = town.pump()
    assert len(several) == 6
    for order in several:
        assert town.pump() == []
        town.end(order.ticket, End.UNREACHED)
    (only,) = town.pump()
    town.end(only.ticket, End.SERVED)
    assert len(town.pump()) == 2, "what failed before counts"


def test_as_many_black_holes_as_may_be_out_ahead_leave_room_for_the_others() -> None:
    town = Town(limit=20, is_hazy=True)
    for number in range(5):
        town.send(number, [b"hole%d" % host for host in range(200)])
    town.pump()
    assert len(town.out) == 200
    town.send(5, [b"good"])
    assert [order.host for order in town.pump()] == [b"good"]


def test_who_runs_programs_does_not_wait_for_the_first_to_find_its_host() -> None:
    town = Town(is_lending=False, is_hazy=True)
    town.send(1, [b"a"] * 50)
    assert len(town.pump()) == 5


def test_destinations_take_turns() -> None:
    town = Town(limit=20, per_host=2, per_transaction=1)
    town.send(1, [b"a", b"a", b"a", b"b", b"b", b"c"])
    assert [order.host for order in town.pump()] == [b"a", b"b", b"c", b"a", b"b"]
    town.end(1, End.SERVED)
    assert [order.host for order in town.pump()] == [b"a"]


def test_nothing_is_remembered_of_destinations_for_which_nobody_waits() -> None:
    town = Town()
    for number in range(10):
        town.send(number, [b"host%d" % number])
    for order in town.pump():
        town.end(order.ticket, End.SERVED)
    assert len(town.channel.destinations) == 0


def test_a_message_behind_a_long_list_is_found_before_the_list_is_done() -> None:
    town = Town(limit=1, per_transaction=1)
    town.send(1, [b"a"] * 100)
    town.send(2, [b"b"])
    seen = []
    for _ in range(4):
        (order,) = town.pump()
        seen.append(order.number)
        town.end(order.ticket, End.SERVED)
    assert 2 in seen


def test_new_limits_hold_for_destinations_in_progress() -> None:
    town = Town(limit=20, per_transaction=1)
    town.send(1, [b"a"] * 50)
    town.pump()
    town.channel.set_limits(20, 3)
    town.end(1, End.SERVED)
    assert town.pump() == []
    for ticket in (2, 3):
        town.end(ticket, End.SERVED)
    assert len(town.pump()) == 1
    assert town.out_by_destination()[b"a"] == 3
