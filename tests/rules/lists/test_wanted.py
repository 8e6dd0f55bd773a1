"""What addresses ask of an archive, whoever wrote them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.rules.lists.wanted import FORMS, MOST, Wanted, index_row, parse, row, triggered

NUMBERS = st.integers(-1, 10**9 - 1)


@given(st.binary(max_size=60), st.binary(max_size=10))
def test_any_address_asks_for_something_or_nothing(action: bytes, code: bytes) -> None:
    found = parse(action)
    if found is not None:
        assert found.verb in (b"get", b"index", b"thread") and (not found.form or found.form in FORMS)
        assert -1 <= found.first < 10**9 and -1 <= found.last < 10**9
    assert triggered(action, code) in (None, b"", *FORMS)


@given(
    st.sampled_from([b"get", b"index"]), st.sampled_from([b"", *FORMS]), NUMBERS, NUMBERS, st.sampled_from([b"-", b"."])
)
def test_numbers_are_read_as_they_are_written(verb: bytes, form: bytes, first: int, last: int, mark: bytes) -> None:
    text = verb + form
    if first >= 0:
        text += mark + b"%d" % first + (b"_%d" % last if last >= 0 else b"")
        assert parse(text) == Wanted(verb, form, first, last)
    assert parse(verb + form) == Wanted(verb, form)


@given(NUMBERS, NUMBERS, st.integers(0, 10**6), st.data())
def test_a_row_is_in_the_archive_and_not_too_long(first: int, last: int, latest: int, data: st.DataObject) -> None:
    digested = data.draw(st.integers(0, latest))
    start, end = row(Wanted(b"get", b"", first, last if first >= 0 else -1), latest, digested)
    assert start >= 1 and end <= latest and end - start < MOST
    low, high = index_row(Wanted(b"index", b"", first, last if first >= 0 else -1), latest)
    assert low >= 0 and high * 100 <= latest and high - low <= 20


@pytest.mark.parametrize("code", [b"", b"two words", b"a.b", b"-"])
def test_what_is_no_code_makes_no_digests(code: bytes) -> None:
    assert triggered(b"dig." + code, code) is None
