"""Lists of addresses in files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.errors import Malformed
from qmtwist.rules.maillist import LIMIT_BYTES, items, parse

ITEMS = st.tuples(
    st.sampled_from([b"&", b".", b"/"]), st.binary(max_size=20).map(lambda data: data.translate(None, b"\0\n \t"))
).map(b"".join)


@given(st.lists(ITEMS, max_size=6), st.integers(1, 9))
def test_what_is_printed_is_read_as_the_same_list(listed: list[bytes], size: int) -> None:
    written = b"".join(parse(item + b"\n" for item in listed))
    assert list(items(written[at : at + size] for at in range(0, len(written), size))) == listed


def test_blanks_at_the_start_belong_to_an_address() -> None:
    assert list(parse([b" joe@h\t \n", b"  \n", b"#x\n"])) == [b"& joe@h\0"]


@pytest.mark.parametrize(("line", "words"), [(b"a\0b", "NUL in input"), (b"x" * (LIMIT_BYTES + 1), "under 800 bytes")])
def test_a_bad_address_is_refused(line: bytes, words: str) -> None:
    with pytest.raises(Malformed) as caught:
        list(parse([line]))
    assert words in caught.value.text


def test_a_list_that_was_cut_is_not_taken_for_a_shorter_one() -> None:
    found = items([b"&a@h\0&b@h"])
    assert next(found) == b"&a@h"
    with pytest.raises(Malformed):
        next(found)


def test_what_begins_like_no_item_is_refused() -> None:
    with pytest.raises(Malformed):
        list(items([b"joe@h\0"]))
