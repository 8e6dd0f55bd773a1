"""Dates as they are found in mail."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.date import civil
from qmtwist.mail.datetext import Moment, parse


@pytest.mark.parametrize(
    ("text", "header"),
    [
        (b"Mon, 03 Jan 94 10:11:12 PST", b"3 Jan 1994 10:11:12 -0800"),
        (b"3 jan 1994 10:11 +0130", b"3 Jan 1994 10:11:00 +0130"),
        (b"29 Feb 2000 23:59:60 -0000", b"29 Feb 2000 23:59:60 -0000"),
        (b"3 Jan 101 10:11:12 +0000", b"3 Jan 2001 10:11:12 +0000"),
        (b"3 Jan 49 1:2:3 GMT", b"3 Jan 2049 01:02:03 +0000"),
        (b"3 Jan 50 1:2:3 ut", b"3 Jan 1950 01:02:03 +0000"),
        (b"3 Jan 2000 10:00 CET DST (summer)", b"3 Jan 2000 10:00:00 +0200"),
        (b"3 Jan 2000 10:00 IST", b"3 Jan 2000 10:00:00 +0200"),
        (b"from may by june; 3 Jan 2000 10:00:05 -0000", b"3 Jan 2000 10:00:05 -0000"),
        (b"(3 Feb 2000 1:2:3 GMT) 3 Jan 2000 (x) 10 : 00 GMT", b"3 Jan 2000 10:00:00 +0000"),
        (b"31 Feb 2001 00:00 GMT", b"31 Feb 2001 00:00:00 +0000"),
    ],
)
def test_a_date_is_understood(text: bytes, header: bytes) -> None:
    moment = parse(text)
    assert moment is not None and moment.header == header


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"garbage",
        b"Mon Jan  3 10:11:12 1994",
        b"3-Jan-1994 10:11:12 GMT",
        b"3 January 1994 10:11:12 GMT",
        b"3 Jan 1994 10:11:12",
        b"3 Jan 1994 10:11:12 Z",
        b"3 Jan 1994 10:11:12 XYZ",
        b"3 Jan 1994 10:11:12 +100",
        b"0 Jan 1994 10:11:12 GMT",
        b"32 Jan 1994 10:11:12 GMT",
        b"3 Jan 1994 24:11:12 GMT",
        b"3 Jan 1994 10:60:12 GMT",
        b"3 Jan 19940 10:11:12 GMT",
        b"3 Jan 1994 10.11 GMT",
        b"Jan",
        "٣ Jan 1994 10:11:12 GMT".encode(),
    ],
)
def test_what_is_no_date_is_none(text: bytes) -> None:
    assert parse(text) is None


def test_a_day_too_many_is_in_the_next_month() -> None:
    moment = parse(b"31 Feb 2001 00:00 GMT")
    assert moment is not None and civil(moment.posix)[:3] == (2001, 3, 3)


@given(st.integers(min_value=0, max_value=253402300799))
def test_days_are_counted_as_the_other_way_round(now: int) -> None:
    assert Moment(*civil(now), 0, True).posix == now


@given(st.integers(min_value=946771200, max_value=253402200000), st.integers(min_value=-1439, max_value=1439))
def test_what_was_written_is_read_again(now: int, zone_minutes: int) -> None:
    moment = Moment(*civil(now + 60 * zone_minutes), zone_minutes, True)
    assert parse(moment.header) == moment and moment.posix == now


def test_a_long_field_costs_no_more_than_its_end() -> None:
    begun = time.process_time()
    moment = parse(b"Jan 1 " * 2_000_000 + b"; 3 Jan 2000 10:00 GMT")
    assert moment is not None and moment.year == 2000 and time.process_time() - begun < 2
