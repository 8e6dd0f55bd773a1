"""Bytes of mail as text, whatever their sender says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.charset import decoded_text
from qmtwist.mail.decodedword import decoded_words
from qmtwist.mail.encodedword import encoded_words


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("utf-8", "Zoë 漢字"), ("ISO-8859-15", "10 €"), ("koi8-r", "Привет"), ("Windows-1251", "Привет"),
        ("Shift_JIS", "日本語"), ("iso-2022-jp", "日本語"), ("gb2312", "汉字"), ("big5", "漢字"), ("euc-kr", "한국어"),
        ("utf-7", "Zoë"), ("iso-8859-8", "שלום"), ("utf-16", "Zoë"),
    ],
)  # fmt: skip
def test_old_character_sets_are_read(charset: str, text: str) -> None:
    assert decoded_text(text.encode(charset), charset.encode()) == text


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        (b"Zo\xc3\xab", b"iso-2022-jp", "Zo\ufffd\ufffd"),  # a lie
        (b"a\x93b\x94", b"iso-8859-1", "a“b”"),  # what Windows means by that
        (b"Zo\xeb", b"utf-8", "Zoë"),
        (b"Zo\xc3\xab", b"zlib", "Zoë"),
        (b"Zo\xc3\xab", b"../../etc/passwd", "Zoë"),
        (b"a-" * 50_000, b"punycode", "a-" * 50_000),
        (b"a." * 50_000, b"idna", "a." * 50_000),
        (b"\\x41", b"unicode_escape", "\\x41"),
    ],
)
def test_wrong_and_hostile_names_do_no_harm(data: bytes, charset: bytes, text: str) -> None:
    assert decoded_text(data, charset) == text


@given(st.binary(max_size=60), st.binary(max_size=12))
def test_any_bytes_are_some_text(data: bytes, charset: bytes) -> None:
    assert isinstance(decoded_text(data, charset), str)


@given(st.binary(max_size=200) | st.lists(st.sampled_from([b"=?utf-8?q?", b"?=", b" ", b"a", b"=?x?b?"])).map(b"".join))
def test_a_field_is_one_line(text: bytes) -> None:
    assert not set(decoded_words(text)) & set("\n\r\0\x1b")


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x2000, exclude_categories=["Cc", "Cs"]), max_size=80))
def test_what_is_encoded_is_read_back(text: str) -> None:
    assert decoded_words(b"\t".join(encoded_words(text.encode()))) == text.strip()


def test_a_character_may_be_cut_in_two() -> None:
    assert decoded_words(b"=?utf-8?B?w6s=?= =?utf-8?b?w6vD?=\n =?UTF-8?B?qw==?= x") == "ëëë x"


@pytest.mark.parametrize("size", [200_000])
def test_time_is_linear(size: int) -> None:
    for hostile in (b"=?" * size, b"=?a?q?" * size, b"=?utf-8?q?a?=" * size, b"=?a?b?" + b"x" * size):
        assert isinstance(decoded_words(hostile), str)
