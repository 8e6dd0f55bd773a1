from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.errors import Malformed
from qmtwist.mail.outcome import Outcome, Verdict
from qmtwist.wire import remoteorder, spawn
from qmtwist.wire.remoteorder import RemoteOrder
from qmtwist.wire.spawn import FrameReader

WORDS = st.binary(max_size=40).map(lambda word: word.replace(b"\0", b""))
LOCALS = st.lists(WORDS, min_size=1, max_size=8).map(tuple)
ORDERS = st.builds(
    RemoteOrder, WORDS, WORDS, LOCALS, st.none() | st.binary(max_size=200), head=st.just(b""), skip=st.just(0)
) | st.builds(
    RemoteOrder, WORDS, WORDS, LOCALS, st.none(), head=st.binary(max_size=200), skip=st.integers(1, 999_999_999)
)
NUMBERS = st.integers(0, 2**32 - 1)


@given(NUMBERS, ORDERS)
def test_an_order_comes_back_as_it_was(number: int, order: RemoteOrder) -> None:
    (frame,) = FrameReader().receive(remoteorder.encode_transaction(number, order))
    assert (frame.kind, frame.number) == (remoteorder.TRANSACTION, number)
    assert remoteorder.parse_transaction(frame.payload) == order


@given(NUMBERS, st.integers(0, 10_000), st.sampled_from(Verdict), st.binary(max_size=100))
def test_a_report_comes_back_as_it_was(number: int, index: int, verdict: Verdict, text: bytes) -> None:
    (frame,) = FrameReader().receive(remoteorder.encode_report(number, index, Outcome(verdict, text)))
    assert (frame.kind, frame.number) == (remoteorder.REPORT, number)
    assert remoteorder.parse_report_of(frame.payload) == (index, Outcome(verdict, text))


@given(st.binary(max_size=60))
def test_nonsense_is_refused_or_is_an_order_that_comes_back(payload: bytes) -> None:
    try:
        order = remoteorder.parse_transaction(payload)
    except Malformed:
        return
    (frame,) = FrameReader().receive(remoteorder.encode_transaction(1, order))
    assert remoteorder.parse_transaction(frame.payload) == order


@pytest.mark.parametrize(
    "payload",
    [b"", b"i", b"is\0h\0", b"is\0h\0000\0", b"is\0h\0002\0a\0", b"xs\0h\0001\0a\0", b"is\0h\0-1\0a\0",
     b"is\0h\000123456\0a\0"],
)  # fmt: skip
def test_a_bad_order_is_refused(payload: bytes) -> None:
    with pytest.raises(Malformed):
        remoteorder.parse_transaction(payload)


def test_a_mangled_report_has_an_index_or_is_refused() -> None:
    assert remoteorder.parse_report_of(b"\0\0\0\7?") == (7, None)
    with pytest.raises(Malformed):
        remoteorder.parse_report_of(b"\0\0\7")


def test_what_fits_passes_the_reader_and_what_does_not_would_not() -> None:
    order = RemoteOrder(b"s", b"h", (b"a", b"b"), b"")
    room = spawn.FRAME_LIMIT - len(remoteorder.encode_transaction(1, order)) + spawn.HEADER.size
    largest = order._replace(message=bytes(room))
    assert remoteorder.fits(largest)
    assert len(list(FrameReader().receive(remoteorder.encode_transaction(1, largest)))) == 1
    too_large = order._replace(message=bytes(room + 1))
    assert not remoteorder.fits(too_large)
    with pytest.raises(Malformed):
        list(FrameReader().receive(remoteorder.encode_transaction(1, too_large)))
