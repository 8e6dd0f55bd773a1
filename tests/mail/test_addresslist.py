"""Address lists."""

from __future__ import annotations

import contextlib
import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail import addresslist
from qmtwist.mail.addresslist import loose_addresses, rewrite_list
from qmtwist.mail.addresstokens import ATOM, COMMENT, LITERAL, QUOTED, Token, TooLong, format_tokens, tokenize, unquote
from qmtwist.mail.errors import Malformed


def addresses(text: bytes) -> list[bytes]:
    """All addresses of a list, from the first to the last."""
    found: list[bytes] = []

    def take(address: list[Token]) -> list[Token]:
        found.append(unquote(address))
        return address

    rewrite_list(tokenize(b"To: " + text), take)
    return found[::-1]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"joe", [b"joe"]),
        (b"a, b@c , <d@e>", [b"a", b"b@c", b"d@e"]),
        (b"Joe Q. Public <joe@host>", [b"joe@host"]),
        (b'"a, b" <c@d>', [b"c@d"]),
        (b'"joe smith"@host', [b"joe smith@host"]),
        (b"joe@(where)host (who (else))", [b"joe@host"]),
        (b"group: a, b@c;, d", [b"a", b"b@c", b"d"]),
        (b"nobody: ;", []),
        (b"joe fred", [b"joe", b"fred"]),
        (b"joe@a fred@b jane", [b"joe@a", b"fred@b", b"jane"]),
        (b"<a@b> <c@d>", [b"a@b", b"c@d"]),
        (b"<>", [b""]),
        (b",,a,,", [b"a"]),
        (b"", []),
        (b"joe@[127.0.0.1]", [b"joe@[127.0.0.1]"]),
        (b"<@relay,@other:joe@host>", [b"@relay,@other:joe@host"]),
        (rb"joe\ smith@host", [b"joe smith@host"]),
        (rb'"\"\\"@x', [b'"\\@x']),
        (b"a@b)", [b"a@b)"]),
    ],
)
def test_addresses_of_a_list(text: bytes, found: list[bytes]) -> None:
    assert addresses(text) == found


@pytest.mark.parametrize(
    "text", [b'"open', b"(open", b"[open", b")", b"]x", b"a: b", b"a> b", b"x: y: z", b"a; b;", b"(a (b)", b'"a\\']
)
def test_what_cannot_be_understood_is_malformed(text: bytes) -> None:
    with pytest.raises(Malformed):
        addresses(text)


def test_addresses_right_of_a_fault_have_been_seen() -> None:
    found: list[bytes] = []

    def take(address: list[Token]) -> list[Token]:
        found.append(unquote(address))
        return address

    with pytest.raises(Malformed):
        rewrite_list(tokenize(b"To: fault: a, b"), take)
    assert found == [b"b", b"a"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"a, b@c , <d@e>", [b"a", b"b@c", b"d@e"]),
        (b"list: joe@host ann; bob", [b"list", b"joe@host", b"ann", b"bob"]),
        (b"Bob (the) Builder <bob@host> joe", [b"bob@host", b"joe"]),
        (b'"|cat out" | cat', [b"|cat out", b"|", b"cat"]),
        (b":include:/f", [b"include", b"/f"]),
        (b"<@r:joe@host>", [b"@r:joe@host"]),
        (b"<> a", [b"", b"a"]),
        (b"joe@(c)host", [b"joe@host"]),
        (rb"\joe", [b"joe"]),
        (b",,;", []),
    ],
)
def test_addresses_of_a_forward_file(text: bytes, found: list[bytes]) -> None:
    assert [unquote(address) for address in loose_addresses(tokenize(text))] == found[::-1]


def test_loose_addresses_before_a_fault_are_given() -> None:
    reader = loose_addresses(tokenize(b"a> , b"))
    assert unquote(next(reader)) == b"b"
    with pytest.raises(Malformed):
        next(reader)


@given(st.binary(max_size=60))
def test_a_tolerant_reader_never_fails_and_agrees_with_the_strict_one(text: bytes) -> None:
    tolerant = tokenize(text, is_tolerant=True)
    assert tokenize(format_tokens(tolerant)) == tolerant
    with contextlib.suppress(Malformed):
        assert tokenize(text) == tolerant


def test_a_field_has_so_many_tokens_and_no_more() -> None:
    assert len(tokenize(b"a," * 50, limit_tokens=100)) == 100
    with pytest.raises(TooLong):
        tokenize(b"a," * 50 + b"a", limit_tokens=100)


def test_addresses_of_a_token_list_leave_it_as_it_is() -> None:
    tokens = tokenize(b"a, b")
    assert [unquote(address) for address in addresslist.addresses(tokens)] == [b"a", b"b"]
    assert tokens == tokenize(b"a, b")


@pytest.mark.parametrize("text", [rb"joe\ smith@host", rb"a\,b@c", rb"a\@b", rb"a\.b@c", rb"\<a@b", b"\\"])
def test_what_only_a_backslash_made_a_word_is_quoted_when_written(text: bytes) -> None:
    tokens = tokenize(text)
    assert tokens[0].kind == QUOTED and tokenize(format_tokens(tokens)) == tokens


@pytest.mark.parametrize("text", [b"a\\\n", b"a\\\n b", b"\\\r\n", b"a\\\r", b"\\\n\\\n,b"])
def test_a_line_end_behind_a_backslash_never_begins_a_line_of_its_own(text: bytes) -> None:
    written = format_tokens(tokenize(b"From: " + text))
    assert written.count(b"\n") == 1 and b"\r" not in written


def test_what_a_tolerant_reader_closes_ends_before_the_line_end() -> None:
    assert tokenize(b'"open\r\n', is_tolerant=True) == [Token(QUOTED, b"open")]


texts = st.binary(max_size=12)
words = st.one_of(
    st.builds(Token, st.sampled_from([QUOTED, LITERAL, COMMENT]), texts),
    st.builds(Token, st.just(ATOM), st.from_regex(rb"[!#-'*+/-9=?A-Z^-~-]{1,9}", fullmatch=True)),
    st.sampled_from([Token(bytes([byte])) for byte in b".,@<>:;"]),
)


@given(st.lists(words, max_size=12), st.integers(1, 100))
def test_reading_what_was_written_gives_the_same_tokens(tokens: list[Token], width: int) -> None:
    assert tokenize(format_tokens(tokens, width)) == tokens


@given(st.binary(max_size=60))
def test_any_bytes_are_understood_or_malformed_and_a_second_time_the_same(text: bytes) -> None:
    try:
        tokens = tokenize(text)
    except Malformed:
        return
    assert tokenize(format_tokens(tokens)) == tokens
    try:
        written = format_tokens(rewrite_list([Token(ATOM, b"To"), Token(b":"), *tokens], lambda address: address))
    except Malformed:
        return
    assert format_tokens(rewrite_list(tokenize(written), lambda address: address)) == written


@given(st.lists(st.from_regex(rb"[a-z]{1,30}@[a-z]{1,30}", fullmatch=True), min_size=1, max_size=12))
def test_lines_are_folded_after_commas_and_as_long_as_they_may_be(list_of: list[bytes]) -> None:
    written = format_tokens(tokenize(b"To: " + b", ".join(list_of)))
    lines = written.split(b"\n")[:-1]
    assert b" ".join(line.strip() for line in lines) == b"To: " + b", ".join(list_of)
    assert all(line.startswith(b"  ") for line in lines[1:])
    assert all(len(line) <= 78 for line in lines)
    for line, after in itertools.pairwise(lines):
        assert len(line) + len(after.strip().split(b" ")[0]) + 1 > 78


HOSTILE = [
    b"(" * 200_000,
    b"(" * 100_000 + b")" * 100_000,
    b"()" * 100_000 + b'"',
    b'"a"' * 70_000,
    b"[a]" * 70_000,
    b"a:;," * 50_000,
    b"<" * 200_000,
    b"<>" * 100_000,
    b"\\a" * 100_000,
    b"\\" * 200_001,
    b"a " * 100_000,
    b"@" * 200_000,
    b"." * 200_000,
    b"\0" * 200_000,
    b'"' + b"x" * 2_000_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:6]))
def test_hostile_lists_take_linear_time(text: bytes) -> None:
    begun = time.process_time()
    with contextlib.suppress(Malformed):
        addresses(text)
        format_tokens(tokenize(text))
        list(loose_addresses(tokenize(text, is_tolerant=True)))
    assert time.process_time() - begun < 5
