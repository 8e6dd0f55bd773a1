"""rules/handshakes.py: with whom a handshake failed lately."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qmtwist.rules.handshakes import FailedHandshakes, HandshakeFailed

MX = b"mx.far.example"


def test_a_failure_is_remembered_for_a_while() -> None:
    failed = FailedHandshakes(kept_s=900)
    failed.remember("192.0.2.1", MX, 1000)
    assert [failed.is_recent("192.0.2.1", MX, now) for now in (1000, 1899, 1900)] == [True, True, False]
    assert len(failed) == 0


def test_it_is_one_hosts_at_one_address() -> None:
    failed = FailedHandshakes()
    failed.remember("192.0.2.1", MX, 1000)
    assert not failed.is_recent("192.0.2.2", MX, 1000)
    assert not failed.is_recent("192.0.2.1", b"mx2.far.example", 1000)


def test_another_failure_is_remembered_anew() -> None:
    failed = FailedHandshakes(kept_s=900)
    failed.remember("192.0.2.1", MX, 1000)
    failed.remember("192.0.2.1", MX, 1500)
    assert failed.is_recent("192.0.2.1", MX, 2000)


def test_the_oldest_is_forgotten_when_there_are_too_many() -> None:
    failed = FailedHandshakes(kept_s=900, max_hosts=2)
    failed.remember("192.0.2.1", MX, 1000)
    failed.remember("192.0.2.2", MX, 1001)
    failed.remember("192.0.2.1", MX, 1002)
    failed.remember("192.0.2.3", MX, 1003)
    kept = [failed.is_recent(f"192.0.2.{number}", MX, 1004) for number in (1, 2, 3)]
    assert kept == [True, False, True]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 300))))
def test_the_memory_is_bounded_and_says_what_was_said(failures: list[tuple[int, int]]) -> None:
    failed, last, now = FailedHandshakes(kept_s=900, max_hosts=10), dict[int, int](), 0
    for host, later in failures:
        now += later
        failed.remember(f"192.0.2.{host}", MX, now)
        last[host] = now
    assert len(failed) <= 10
    for host in range(10):
        assert failed.is_recent(f"192.0.2.{host}", MX, now) == (host in last and now - last[host] < 900)


def test_a_reason_is_one_line_of_ascii() -> None:
    assert HandshakeFailed("certificate is for bücher\r\n\x00.example").why == b"certificate is for b?cher???.example"
