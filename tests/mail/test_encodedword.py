"""Words for text that is not ASCII."""

from __future__ import annotations

from email.header import decode_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.addresstokens import ATOM, tokenize
from qmtwist.mail.encodedword import encoded_words, must_be_encoded


@pytest.mark.parametrize(
    ("text", "must"),
    [(b'Joe "J" S', False), (b"", False), (b"a\tb", False), (b"Zo\xeb", True), (b"a\x1bb", True), (b"a\x7f", True)],
)
def test_only_what_is_not_printable_must_be_encoded(text: bytes, must: bool) -> None:
    assert must_be_encoded(text) is must


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
def test_others_read_what_was_written(text: str) -> None:
    words = encoded_words(text.encode())
    decoded = decode_header(b" ".join(words).decode())
    assert b"".join(part for part, _ in decoded).decode() == text
    assert {charset for _, charset in decoded} == {"utf-8"}


@given(st.binary(min_size=1, max_size=120))
def test_words_are_atoms_short_enough_and_whole_characters(text: bytes) -> None:
    words = encoded_words(text)
    assert all(len(word) <= 75 for word in words)
    assert [token.kind for token in tokenize(b" ".join(words))] == [ATOM] * len(words)
    parts = [decode_header(word.decode())[0] for word in words]
    assert b"".join(part for part, _ in parts) == text
    if words[0].startswith(b"=?utf-8"):
        for part, _ in parts:
            part.decode()


def test_no_text_has_no_words() -> None:
    assert encoded_words(b"") == []
