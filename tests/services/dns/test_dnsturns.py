"""services/dns/turns.py: how many lookups run at a time."""

from __future__ import annotations

import pytest

from qmtwist.mail.dns import Kind, Question
from qmtwist.services.dns import turns as dnsturns
from qmtwist.services.dns.turns import Turns


def question(number: int) -> Question:
    return Question(b"n%d.example" % number, Kind.A)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dnsturns, "FRESH", 3)
    monkeypatch.setattr(dnsturns, "ALL", 5)


def test_a_few_may_begin_at_once_and_the_next_when_one_of_them_ends() -> None:
    turns = Turns()
    for number in range(3):
        assert turns.room_in_s(10) == 0
        turns.begin(question(number), 10)
    assert turns.room_in_s(10.25) == 0.75
    turns.end(question(1))
    assert turns.room_in_s(10.25) == 0


def test_slow_ones_do_not_hold_up_the_others() -> None:
    turns = Turns()
    for number in range(3):
        turns.begin(question(number), 10 + number / 4)
    assert turns.room_in_s(11) == 0
    turns.begin(question(3), 11)
    assert turns.room_in_s(11) == 0.25


def test_there_is_an_end_to_slow_ones_too() -> None:
    turns = Turns()
    for number in range(5):
        turns.begin(question(number), number)
    assert turns.room_in_s(100) is None
    turns.end(question(0))
    assert turns.room_in_s(100) == 0


def test_one_that_never_began_may_end() -> None:
    turns = Turns()
    turns.end(question(0))
    assert turns.room_in_s(0) == 0
