"""Who has to agree, and texts that are edited by mail."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.rules.lists.administration import Standing, Wishes, asked, edited, framed, log_line, text_name

NOBODY = Standing(is_own=False)
MODERATED = Standing(is_moderated=True)
REMOTE = Standing(is_moderator=True, is_remote=True, is_own=False)
BOTH = REMOTE._replace(is_moderated=True)


@pytest.mark.parametrize(
    ("kind", "standing", "wishes", "expected"),
    [
        (b"", NOBODY, Wishes(), b"s"),
        (b"s", NOBODY, Wishes(), b""),
        (b"", NOBODY, Wishes(confirms_joining=False), b""),
        (b"", MODERATED, Wishes(confirms_joining=False), b"t"),
        (b"", MODERATED, Wishes(), b"s"),
        (b"s", MODERATED, Wishes(), b"t"),
        (b"t", MODERATED, Wishes(), b""),
        (b"", REMOTE, Wishes(), b"r"),
        (b"", REMOTE._replace(is_remote=False), Wishes(), b"s"),
        (b"", BOTH, Wishes(confirms_joining=False), b"r"),
        (b"r", BOTH, Wishes(), b""),
        (b"s", BOTH, Wishes(), b"t"),  # a moderator answers for somebody else
        (b"s", BOTH._replace(is_own=True), Wishes(), b""),
        (b"", BOTH._replace(is_own=True, is_remote=False), Wishes(confirms_joining=False), b"t"),  # forged, perhaps
    ],
)
def test_who_has_to_agree_that_somebody_joins(kind: bytes, standing: Standing, wishes: Wishes, expected: bytes) -> None:
    assert asked(True, kind, standing, wishes) == expected


@pytest.mark.parametrize(
    ("kind", "standing", "wishes", "expected"),
    [
        (b"", NOBODY, Wishes(), b"u"),
        (b"u", MODERATED, Wishes(), b""),
        (b"u", MODERATED, Wishes(is_leaving_moderated=True), b"v"),
        (b"u", NOBODY, Wishes(is_leaving_moderated=True), b""),
        (b"v", MODERATED, Wishes(is_leaving_moderated=True), b""),
        (b"", REMOTE, Wishes(), b"w"),
        (b"w", BOTH, Wishes(is_leaving_moderated=True), b""),
        (b"", NOBODY, Wishes(confirms_leaving=False), b""),
        (b"", MODERATED, Wishes(confirms_leaving=False, is_leaving_moderated=True), b"v"),
    ],
)
def test_who_has_to_agree_that_somebody_leaves(
    kind: bytes, standing: Standing, wishes: Wishes, expected: bytes
) -> None:
    assert asked(False, kind, standing, wishes) == expected


LINES = st.lists(st.binary(max_size=30).filter(lambda line: not set(line) & {0, 10, 13, 37}), max_size=8)


@given(LINES, st.sampled_from([b"", b"> ", b">", b"| "]), st.sampled_from([b"\n", b"\r\n"]))
def test_a_text_comes_back_as_it_was_sent_however_it_is_quoted(lines: list[bytes], quote: bytes, end: bytes) -> None:
    text = b"".join([line + b"\n" for line in lines])
    letter = (
        b"Dear list,\n" + b"".join([quote + line + b"\n" for line in framed(text).split(b"\n")[:-1]]) + b"-- \nme\n"
    )
    if quote == b">":  # nobody can tell what was quoted before
        text = b"".join([line.removeprefix(b">") + b"\n" if line == b">" else line + b"\n" for line in lines])
    assert edited(letter.replace(b"\n", end)) == text


@pytest.mark.parametrize("text", [b"", b"%%% START OF TEXT FILE\na\n", b"%%% END OF TEXT FILE\n", b"a\nb\n"])
def test_half_a_text_is_none(text: bytes) -> None:
    assert edited(text) is None


def test_lines_without_the_sign_of_a_quotation_are_new_ones() -> None:
    text = b"> %%% START OF TEXT FILE\n> old\nnew\n>\n%%% END OF TEXT FILE\n"
    assert edited(text) == b"old\nnew\n\n"


@pytest.mark.parametrize("word", [b"../key", b"sub ok", b"", b"a.b", b"\xc3\xa4", b"sub/ok"])
def test_a_name_leads_nowhere_else(word: bytes) -> None:
    assert text_name(word) == ""


@given(st.binary(max_size=40), st.binary(max_size=6))
def test_what_is_looked_for_is_found_where_it_is(line: bytes, word: bytes) -> None:
    assert log_line(line, b"") and log_line(line + word, word) and log_line(line + b"x", b"_")
    assert not log_line(b"", word + b"y")
