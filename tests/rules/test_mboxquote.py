"""rules/mboxquote: what an mbox file needs, and that it can be taken back."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qmtwist.rules.mboxquote import from_line, quoted

TEXT = st.lists(
    st.sampled_from([b"From ", b"From", b"Fr", b">", b"\n", b" ", b"\r\n", b"\0", b"From From ", b"x"]), max_size=30
).map(b"".join)


def quote(*pieces: bytes) -> bytes:
    return b"".join(quoted(pieces))


def unquote(text: bytes) -> bytes:
    return re.sub(rb"(?m)^>(>*From )", rb"\1", text)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"From here\n", b">From here\n"),
        (b">From here\n", b">>From here\n"),
        (b">>>From here\n", b">>>>From here\n"),
        (b" From here\n", b" From here\n"),
        (b"From\n", b"From\n"),
        (b"from here\n", b"from here\n"),
        (b"> From here\n", b"> From here\n"),
        (b"x From here\n", b"x From here\n"),
        (b"From From here\n", b">From From here\n"),
        (b"x>From here\n", b"x>From here\n"),
    ],
)
def test_lines_that_look_like_a_new_message_get_one_more_mark(line: bytes, expected: bytes) -> None:
    assert quote(line) == expected
    assert quote(b"A: b\n\n" + line + line) == b"A: b\n\n" + expected * 2


def test_a_last_line_without_its_end_gets_one() -> None:
    assert quote(b"abc") == b"abc\n"
    assert quote(b"abc\nFrom") == b"abc\nFrom\n"
    assert quote(b"abc\n") == b"abc\n"
    assert quote(b">") == b">\n"


def test_an_empty_message_stays_empty() -> None:
    assert quote() == quote(b"", b"") == b""


@given(text=TEXT)
@example(text=b">>From ")
def test_taking_the_marks_away_gives_the_message_back(text: bytes) -> None:
    whole = text + b"\n" if text and not text.endswith(b"\n") else text
    result = quote(text)
    assert unquote(result) == whole
    assert not re.search(rb"(?m)^From ", result)


@given(text=TEXT, data=st.data())
def test_where_the_message_is_cut_never_matters(text: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert quote(*pieces) == quote(text)
    assert quote(*(text[i : i + 1] for i in range(len(text)))) == quote(text)


def test_endless_lines_and_many_near_misses_cost_linear_time() -> None:
    started = time.process_time()
    for text in (b">" * 400_000, b"x From " * 60_000, b">" * 200_000 + b"From " * 40_000):
        assert len(quote(text)) >= len(text)
    assert time.process_time() - started < 2.0


@given(text=st.lists(st.sampled_from([b">", b"F", b"From", b"x"]), max_size=50))
def test_no_more_than_four_bytes_are_held(text: list[bytes]) -> None:
    given_in = given_out = 0

    def feed() -> object:
        nonlocal given_in
        for piece in text:
            assert given_in - given_out <= 4
            given_in += len(piece)
            yield piece

    for piece in quoted(feed()):  # type: ignore[arg-type]
        given_out += len(piece)


@pytest.mark.parametrize(
    ("sender", "shown"),
    [
        (b"a@b", b"a@b"),
        (b"", b"MAILER-DAEMON"),
        (b"#@[]", b"#@[]"),
        (b"a b\tc\nd@e", b"a-b-c-d@e"),
    ],
)
def test_the_line_that_begins_a_message_names_the_sender(sender: bytes, shown: bytes) -> None:
    assert from_line(sender, 1795238029) == b"From " + shown + b" Sat Nov 21 05:13:49 2026\n"
