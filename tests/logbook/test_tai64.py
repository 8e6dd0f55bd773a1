"""TAI64N labels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.logbook import tai64
from qmtwist.mail.errors import Malformed


@given(st.integers(0, 1 << 40), st.integers(0, 999_999_999))
def test_reading_a_label_gives_the_instant_it_was_made_of(seconds: int, nanoseconds: int) -> None:
    assert tai64.instant(tai64.label(seconds, nanoseconds)) == (seconds, nanoseconds)


@given(st.integers(0, 1 << 40), st.integers(0, 1 << 40))
def test_labels_sort_as_instants_do(one: int, other: int) -> None:
    assert (tai64.label(one, 0) < tai64.label(other, 0)) == (one < other)


@pytest.mark.parametrize(
    "text",
    [b"", b"@", b"4000000037c219bf2ef02e94", b"@4000000037c219bf2ef02e9", b"@4000000037c219bf2ef02e945",
     b"@4000000037c219bf2ef02e9g", b"@4000000037c219bf 2ef02e9", b"@4000000037c219bf_2ef02e9"],
)  # fmt: skip
def test_anything_else_is_no_label(text: bytes) -> None:
    with pytest.raises(Malformed):
        tai64.instant(text)


def test_decimals_are_filled_with_zeros() -> None:
    assert tai64.decimal(b"@400000003852e94000001388") == b"944957750.000005000"
