"""Orders for local deliveries, as the daemon writes them and a worker reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.errors import Malformed
from qmtwist.wire import spawn
from qmtwist.wire.spawn import DeliverOrder, FrameReader

WORDS = st.binary(max_size=40).map(lambda word: word.replace(b"\0", b""))
PLAIN = st.builds(
    DeliverOrder, WORDS, WORDS, WORDS, st.none() | st.binary(max_size=200), head=st.just(b""), skip=st.just(0)
)
SPLICED = st.builds(
    DeliverOrder, WORDS, WORDS, WORDS, st.none(), head=st.binary(max_size=200), skip=st.integers(1, 999_999_999)
)


@given(st.integers(0, 2**32 - 1), PLAIN | SPLICED)
def test_an_order_comes_back_as_it_was(number: int, order: DeliverOrder) -> None:
    (frame,) = FrameReader().receive(spawn.encode_order(number, order))
    assert (frame.kind, frame.number) == (spawn.DELIVER, number)
    assert spawn.parse_order(frame.payload) == order


@given(st.binary(max_size=60))
def test_nonsense_is_refused_or_is_an_order(payload: bytes) -> None:
    try:
        order = spawn.parse_order(payload)
    except Malformed:
        return
    (frame,) = FrameReader().receive(spawn.encode_order(1, order))
    assert spawn.parse_order(frame.payload) == order


@pytest.mark.parametrize("text", [b"", b"5", b":x", b"0:x", b"-1:x", b"1234567890:x", b"x:y"])
def test_a_splice_without_a_number_is_none(text: bytes) -> None:
    with pytest.raises(Malformed):
        spawn.parse_splice(text)
