"""rules/ratelimit.py: so often in a period, in bounded memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.rules import ratelimit
from qmtwist.rules.ratelimit import RateLimit


def test_no_limit_remembers_nobody() -> None:
    limit = RateLimit(0, 60)
    assert all(limit.take(b"a", 0) and limit.may(b"a", 0) for _ in range(1000))
    assert len(limit) == 0


@pytest.mark.parametrize("count", [1, 3, 7, 1000])
def test_all_of_a_period_may_come_at_once_and_then_one_for_each_part_of_it(count: int) -> None:
    limit = RateLimit(count, 60)
    assert [limit.take(b"a", 0) for _ in range(count + 1)] == [True] * count + [False]
    assert limit.take(b"b", 0)
    assert not limit.may(b"a", 60 / count * 0.99)
    assert limit.take(b"a", 60 / count * 1.01)
    assert not limit.may(b"a", 60 / count * 1.02)
    assert [limit.take(b"a", 200) for _ in range(count + 1)] == [True] * count + [False]


@given(st.integers(1, 20), st.lists(st.floats(0, 100), max_size=200))
def test_never_more_than_twice_as_many_in_any_period(count: int, moments: list[float]) -> None:
    limit = RateLimit(count, 10)
    taken = [now for now in sorted(moments) if limit.take(b"a", now)]
    for first in taken:
        assert sum(1 for now in taken if first <= now < first + 10) <= 2 * count


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratelimit, "CLIENTS", 2000)
    limit = RateLimit(1, 60)
    assert all(limit.take(b"%d" % number, 0) for number in range(5000))
    assert len(limit) == 2000
    assert not limit.take(b"1", 1)
    assert limit.take(b"new", 61) and not limit.take(b"new", 61)
    assert len(limit) == 1
