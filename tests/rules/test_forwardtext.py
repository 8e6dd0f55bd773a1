"""The language of setforward."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.errors import Malformed
from qmtwist.rules.forwardtext import LIMIT_BYTES, format_record, parse

NO_NUL = st.binary(max_size=30).map(lambda data: data.replace(b"\0", b""))
TARGETS = NO_NUL.map(bytes.lower)
COMMANDS = st.tuples(st.sampled_from([b"&", b"|", b"!", b".", b"/"]), NO_NUL).map(b"".join)
DATA = st.lists(COMMANDS, min_size=1, max_size=4).map(lambda commands: b"\0".join([*commands, b""]))
RECORDS = st.one_of(
    st.tuples(TARGETS.map(lambda target: b":" + target), DATA),
    st.tuples(TARGETS.map(lambda target: b"?" + target), NO_NUL),
)


@given(st.lists(RECORDS, max_size=5), st.integers(1, 50))
def test_what_is_printed_is_read_as_the_same_table(records: list[tuple[bytes, bytes]], size: int) -> None:
    text = b"".join(format_record(*record) for record in records)
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert list(parse(pieces)) == records


@given(st.binary(max_size=200))
def test_any_text_is_a_table_or_malformed(text: bytes) -> None:
    try:
        records = list(parse([text]))
    except Malformed:
        return
    assert all(key[:1] in (b":", b"?") for key, _ in records)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"a: b", "final instruction must end with semicolon"),
        (b"a: b;c", "final instruction must end with semicolon"),
        (b"a: b: c;", "double colons are not permitted"),
        (b"a, b: c;", "commas are not permitted before colons"),
        (b"a;", "commas are not permitted before colons"),
        (b"a: \\\0;", "NUL bytes are not permitted"),
        (b"a: " + b"x" * (LIMIT_BYTES + 1) + b";", "addresses over 800 bytes are not permitted"),
    ],
)
def test_each_fault_has_its_words(text: bytes, complaint: str) -> None:
    with pytest.raises(Malformed) as caught:
        list(parse([text]))
    assert caught.value.text == complaint


def test_a_comment_may_hold_anything_and_800_bytes_are_allowed() -> None:
    text = b"a:# \0 ;:\n" + b"x" * LIMIT_BYTES + b";"
    assert list(parse([text])) == [(b":a", b"&" + b"x" * LIMIT_BYTES + b"\0")]


def test_ten_megabytes_without_an_end_are_refused_at_800_bytes() -> None:
    with pytest.raises(Malformed):
        list(parse(b"x" * 65536 for _ in range(160)))


@pytest.mark.parametrize("record", [(b"x", b"&a\0"), (b":x", b"&a"), (b":x", b"a\0"), (b"", b"")])
def test_what_is_no_record_is_not_printed(record: tuple[bytes, bytes]) -> None:
    with pytest.raises(Malformed):
        format_record(*record)
