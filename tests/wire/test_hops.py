"""wire/hops.py: how many hosts a message has passed, however its header is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.wire.hops import HopCounter
from tests.support.cuts import cuts


@pytest.mark.parametrize(
    ("text", "hops"),
    [
        (b"", 0),
        (b"Received: x\n", 1),
        (b"RECEIVED x\ndelivered-to: y\n\nReceived: z\n", 2),
        (b"X-Received: x\n Received: y\n", 0),
        (b"\nReceived: x\n", 0),
        (b"Subject: x\nReceived", 1),
        (b"Receive", 0),
    ],
)
def test_lines_of_the_header_count(text: bytes, hops: int) -> None:
    counter = HopCounter()
    counter.count(text)
    assert counter.hops == hops


parts = st.lists(st.sampled_from([b"\n", b"Received", b"rec", b"eived", b"\nDelivered-To: x\n", b"x"]), max_size=12)


@given(parts.map(b"".join), st.data())
def test_no_cut_matters(text: bytes, data: st.DataObject) -> None:
    whole, pieces = HopCounter(), HopCounter()
    whole.count(text)
    for piece in data.draw(cuts(text)):
        pieces.count(piece)
    assert whole.hops == pieces.hops
