"""What words in .forward files and alias tables mean."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.errors import Malformed
from qmtwist.rules.aliaswords import ADDRESS, FILE, INCLUDE, PROGRAM, Hosts, complete, words

HOSTS = Hosts(b"h.dom", b"d.dom", b"p.dom")


def read(line: bytes) -> list[tuple[bytes, bytes]]:
    """Kinds and texts, from left to right."""
    return [(word.kind, word.text) for word in words(line)][::-1]


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        (b'"|prog x@y"', [(PROGRAM, b"prog x@y")]),
        (b"|prog@host", [(ADDRESS, b"|prog@host")]),
        (b"|cat out", [(PROGRAM, b"cat"), (ADDRESS, b"out")]),
        (b'|"cat out"', [(PROGRAM, b"cat out")]),
        (b'joe, |"/bin/cat >x", ann', [(ADDRESS, b"joe"), (PROGRAM, b"/bin/cat >x"), (ADDRESS, b"ann")]),
        (b'"|a" "|b"', [(PROGRAM, b"a"), (PROGRAM, b"b")]),
        (b"\\joe", [(ADDRESS, b"joe")]),
        (b"/var/mail/x.y", [(FILE, b"/var/mail/x.y")]),
        (b"/x/y@a.b", [(ADDRESS, b"/x/y@a.b")]),
        (b":include:/etc/list.txt", [(INCLUDE, b"/etc/list.txt")]),
        (b"a, :include: rel b", [(ADDRESS, b"a"), (INCLUDE, b"rel"), (ADDRESS, b"b")]),
        (b'":include:/x"', [(ADDRESS, b":include:/x")]),
        (b":Include:/x", [(ADDRESS, b"Include"), (FILE, b"/x")]),
        (b"<:include:/x>", [(ADDRESS, b":include:/x")]),
        (b":include:,a", [(INCLUDE, b""), (ADDRESS, b"a")]),
        (b"<>", [(ADDRESS, b"")]),
        (b"Joe Shmoe <joe@h> (him)", [(ADDRESS, b"joe@h")]),
    ],
)
def test_words_mean_what_sendmail_or_postfix_means_by_them(line: bytes, meaning: list[tuple[bytes, bytes]]) -> None:
    assert read(line) == meaning


def test_an_address_at_a_bare_at_sign_gets_defaulthost() -> None:
    assert [complete(word, HOSTS) for word in words(b"joe@")] == [b"joe@h.dom"]


def test_an_address_literal_gets_no_domain() -> None:
    assert [complete(word, HOSTS) for word in words(b"joe@[::1]")] == [b"joe@[::1]"]


@given(st.binary(max_size=120))
def test_any_line_is_words_or_malformed(line: bytes) -> None:
    try:
        found = list(words(line))
    except Malformed:
        return
    assert all(b"@" in complete(word, HOSTS) for word in found if word.kind == ADDRESS)


@pytest.mark.parametrize(
    "line",
    [
        b"(" * 2_000_000,
        b'"' + b"\\x" * 2_000_000,
        b":include:" * 100_000,
        b'|"a"' * 100_000,
        b"<>" * 300_000,
        b"\0" * 10**7,
    ],
    ids=["comment", "quote", "include", "program", "empty", "nul"],
)
def test_megabytes_on_a_line_take_a_second_or_two(line: bytes) -> None:
    began = time.process_time()
    try:
        for _ in words(line):
            pass
    except Malformed:
        pass
    assert time.process_time() - began < 20
