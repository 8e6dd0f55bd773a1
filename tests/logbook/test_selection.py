from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.logbook import selection
from qmtwist.logbook.selection import Rotation, matches, read_script

TEXT = st.text("ab*", max_size=8).map(str.encode)


def as_regular_expression(pattern: bytes) -> bytes:
    """The manual's words: a star is any string without the byte that follows it in the pattern."""
    parts = []
    for at in range(len(pattern)):
        if pattern[at : at + 1] != b"*":
            parts.append(re.escape(pattern[at : at + 1]))
        elif at + 1 == len(pattern):
            parts.append(b".*")
        else:
            parts.append(b"[^%s]*" % re.escape(pattern[at + 1 : at + 2]))
    return b"".join(parts)


@given(TEXT.filter(lambda pattern: b"**" not in pattern), TEXT)
def test_a_pattern_means_what_the_manual_says(pattern: bytes, line: bytes) -> None:
    expected = re.fullmatch(as_regular_expression(pattern), line, re.S) is not None
    assert matches(pattern, line) == expected


@pytest.mark.parametrize(
    ("pattern", "line", "expected"),
    [
        (b"", b"", True),
        (b"", b"x", False),
        (b"fnord*", b"fnord", True),
        (b"a*b", b"axbxb", False),
        (b"**", b"a*b", True),  # up to a star, then the rest
        (b"**", b"ab", False),
        (b"*: x", b"a: b: x", False),
        (b"exact", b"exact ", False),
    ],
)
def test_stars(pattern: bytes, line: bytes, expected: bool) -> None:
    assert matches(pattern, line) is expected


def test_sizes_and_numbers_are_for_the_directories_that_follow() -> None:
    script = read_script([b"t", b"./a", b"s99999999", b"n0", b"!gzip", b"/b", b"q", b""])
    assert script.is_stamped
    assert [(action.word, action.rotation) for action in script.actions] == [
        (b"./a", Rotation(99999, 10, b"")),
        (b"/b", Rotation(16777215, 2, b"gzip")),
    ]


def test_a_stamp_is_asked_for_by_the_first_word_only() -> None:
    assert not read_script([b"./a", b"t"]).is_stamped
    assert not read_script([]).is_stamped


def test_alerts_and_status_files_have_the_beginning_of_a_line() -> None:
    assert selection.alert(b"x" * 200) == b"x" * 200 + b"\n"
    assert selection.alert(b"x" * 201) == b"x" * 200 + b"...\n"
    assert selection.status(b"x") == b"x" + b"\n" * 1000
    assert selection.status(b"x" * 2000) == b"x" * 1000 + b"\n"
