"""Log lines of every origin."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.logbook.analysis.stamps import plain

TEXT = b"starting delivery 7: msg 53 to local ann@example.org"
OBJECT = {"time": 5.25, "event": "DeliveryStarted", "delivery": 7, "number": 53, "channel": "local",
          "recipient": "ann@example.org"}  # fmt: skip


@pytest.mark.parametrize(
    ("line", "instant"),
    [
        (b"@400000003852e9401dcd6500 " + TEXT, b"944957750.500000000"),
        (b"Jun  9 10:22:03 host qmail: 928923723.963558 " + TEXT, b"928923723.963558"),
        (b"Jun 19 10:22:03 host qmail[7]: @400000003852e9401dcd6500 " + TEXT, b"944957750.500000000"),
        (b"<22>Jun 19 10:22:03 host qmail[7]: 928923723.963558 " + TEXT, b"928923723.963558"),
        (b"qmail: 928923723.963558 " + TEXT, b"928923723.963558"),
        (b"2026-11-21T15:10:05.120034+00:00 host qmtwist[71]: " + TEXT, b"1795273805.120034"),
        (b"2026-11-21T16:10:05+0100 host qmail: " + TEXT, b"1795273805.000000"),
        (b"2026-11-21T16:10:05+0100 host qmail: 928923723.963558 " + TEXT, b"928923723.963558"),
        (b"1795273805.120034 host qmtwist[71]: " + TEXT, b"1795273805.120034"),
        (json.dumps(OBJECT).encode(), b"5.250000"),
        (b"Jun  9 10:22:03 host qmtwist[7]: " + json.dumps(OBJECT).encode(), b"5.250000"),
        (json.dumps({"event": "Line", "time": 7, "text": TEXT.decode()}).encode(), b"7.000000"),
        (json.dumps({"MESSAGE": TEXT.decode(), "__REALTIME_TIMESTAMP": "1795273805120034"}).encode(),
         b"1795273805.120034"),
        (json.dumps({"MESSAGE": list(TEXT), "__REALTIME_TIMESTAMP": "1795273805120034"}).encode(),
         b"1795273805.120034"),
        (json.dumps({"MESSAGE": json.dumps(OBJECT)}).encode(), b"5.250000"),
        (json.dumps({"MESSAGE": "9.5 " + TEXT.decode()}).encode(), b"9.5"),
    ],
)  # fmt: skip
def test_every_form_comes_out_as_seconds_and_text(line: bytes, instant: bytes) -> None:
    assert plain(line) == instant + b" " + TEXT


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"hello",
        TEXT,
        b"@4000 " + TEXT,
        b"Jun  9 10:22:03 host qmail: " + TEXT,
        b"2026-11-21T15:10:05 host qmail: " + TEXT,
        b"2026-99-21T15:10:05Z host qmail: " + TEXT,
        b"{",
        b"[1]",
        b'{"event": "word", "time": 1}',
        b'{"event": "NewMessage", "time": "x", "number": 1}',
        b'{"event": "NewMessage", "time": 1, "number": "x"}',
        b'{"event": "NewMessage", "time": 1}',
        b'{"MESSAGE": "new msg 53"}',
        b'{"MESSAGE": null, "__REALTIME_TIMESTAMP": "x"}',
        b'{"MESSAGE": [999], "__REALTIME_TIMESTAMP": "5"}',
    ],
)
def test_a_line_that_tells_no_instant_is_none(line: bytes) -> None:
    assert plain(line) is None


def test_text_that_a_client_sent_is_not_taken_for_a_line_of_its_own() -> None:
    assert plain(b"5.0 smtp 7: 192.0.2.1:5 refused <x: 6.0 new msg 53") is None
    assert plain(b"warning: trouble: 6.0 new msg 53") is None


@given(st.binary(max_size=80), st.sampled_from([b"", b"@", b"{", b'{"MESSAGE": ', b"5.0 a b]: ", b"a: ", b"2026-"]))
def test_no_line_breaks_the_reader(line: bytes, start: bytes) -> None:
    found = plain(start + line)
    assert found is None or found[:1].isdigit()
