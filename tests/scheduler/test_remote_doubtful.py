"""Destinations whose hosts were not found the last time: few of them are looked for at once."""

from __future__ import annotations

import pytest

from qmtwist.scheduler import destinations, remote
from qmtwist.scheduler.orders import End, Transact
from tests.support.destinations import Town

DEAD = [b"dead%d" % number for number in range(8)]


@pytest.fixture(autouse=True)
def _two_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "DOUBTFUL_SHARE", Town().channel.slots.most_looking // 2)


def tried_in_vain(is_lending: bool = True) -> Town:
    """A town that has looked for all of DEAD, each with a message that is due again."""
    town = Town(is_hazy=True, is_lending=is_lending)
    for number, host in enumerate(DEAD):
        town.send(number, [host])
    for order in town.pump():
        town.end(order.ticket, End.UNREACHED)
    town.machine.all_due()
    return town


def hosts(orders: list[Transact]) -> list[bytes | None]:
    return [order.host for order in orders]


def test_of_those_that_were_not_found_few_are_looked_for_at_once() -> None:
    town = tried_in_vain()
    first = town.pump()
    assert hosts(first) == DEAD[:2]
    town.end(first[0].ticket, End.UNREACHED)
    assert hosts(town.pump()) == [DEAD[2]]
    town.send(100, [b"other"])
    town.send(101, [b"more"])
    assert hosts(town.pump()) == [b"other", b"more"]


def test_who_is_found_makes_room_for_the_next() -> None:
    town = tried_in_vain()
    first = town.pump()
    town.ask(first[0].ticket)
    assert hosts(town.pump()) == [DEAD[2]]


def test_who_was_found_is_doubtful_no_more() -> None:
    town = tried_in_vain()
    served = []
    for _ in DEAD:
        for order in town.pump():
            town.ask(order.ticket)
            town.end(order.ticket, End.SERVED)
            served.append(order.host)
    assert served == DEAD
    for number, host in enumerate(DEAD):
        town.send(200 + number, [host])
    assert hosts(town.pump()) == DEAD


def test_they_and_others_take_turns() -> None:
    town = tried_in_vain()
    for number in range(4):
        town.send(100 + number, [b"other%d" % number])
    assert set(hosts(town.pump()[:4])) == {*DEAD[:2], b"other0", b"other1"}


def test_few_of_their_messages_are_kept_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(destinations, "WAITING_SHARE", 3)
    town = tried_in_vain()
    for number in range(20):
        town.send(100 + number, [DEAD[0]])
    first = town.pump()
    found = town.channel.destinations._known[DEAD[0]]
    assert (found.waiting, len(found.aside)) == (3, 17)
    town.ask(first[0].ticket)
    town.pump()
    assert not found.aside and len(town.out) + found.waiting >= 20


def test_where_programs_are_run_nobody_is_doubtful() -> None:
    town = tried_in_vain(is_lending=False)
    assert hosts(town.pump()) == DEAD


def test_few_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(destinations, "DOUBTFUL_LIMIT", 3)
    town = tried_in_vain()
    # to us five are like any other
    assert sorted(map(str, hosts(town.pump()))) == sorted(map(str, DEAD[:7]))
