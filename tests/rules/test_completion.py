"""Addresses completed with the names of this host."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.addresslist import rewrite_list
from qmtwist.mail.addresstokens import format_tokens, tokenize, unquote
from qmtwist.rules.completion import Hosts, Rewriter, Unparsable

HOSTS = Hosts(b"def.example", b"example.org", b"plus.example", b"id.example")
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"joe", b"joe@def.example"),
        (b"joe@host", b"joe@host.example.org"),
        (b"joe@a.b", b"joe@a.b"),
        (b"joe@cs+", b"joe@cs.plus.example"),
        (b"joe@host.", b"joe@host.example.org"),
        (b"joe@", b"joe@def.example"),
        (b"joe@[1.2.3.4]", b"joe@[1.2.3.4]"),
        (b"joe@[]", b"joe@[]"),
        (b"@a,@b:joe@c", b"joe@c.example.org"),
        (b"@host", b""),
        (b"", b""),
        (b".", b""),
        (b"@", b""),
        (b"a@b@c", b"a@b@c.example.org"),
        (b"Joe@HOST", b"Joe@HOST.example.org"),
        (b"a%b@c", b"a%b@c.example.org"),
    ],
)
def test_addresses_are_completed(before: bytes, after: bytes) -> None:
    assert unquote(Rewriter(HOSTS).rewrite(tokenize(before))) == after


@given(st.binary(max_size=30))
def test_completing_twice_changes_nothing_more(text: bytes) -> None:
    """But for what was no address at all: after a dot or an at sign is dropped another may be at the end."""
    rewriter = Rewriter(HOSTS)
    try:
        once = rewriter.rewrite(tokenize(text))
    except Exception as error:
        assert "address list" in str(error)
        return
    if once and once[-1].kind not in (b".", b"@", b"c") and not once[-1].text.endswith(b"+") and once[0].kind != b"@":
        assert rewriter.rewrite(once) == once


def examples() -> list[tuple[bytes, bytes]]:
    """What the documentation says: typed, and what it becomes."""
    with open(f"{TOP}/docs/explanation/addresses.md", encoding="ascii") as stream:
        rows = [line.split(" | ") for line in stream if line.startswith("| `")]
    return [(typed[2:].strip("`").encode(), becomes.strip("`").encode()) for typed, becomes, _ in rows]


@pytest.mark.parametrize(("typed", "becomes"), examples())
def test_the_documentation_shows_what_happens(typed: bytes, becomes: bytes) -> None:
    rewriter = Rewriter(HOSTS._replace(defaulthost=b"mail.example"))
    assert format_tokens(rewrite_list(tokenize(b"To: " + typed), rewriter.rewrite)) == b"To: " + becomes + b"\n"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (b"a, b@h", b"a, b@h.example.org"),
        (b"<c>", b"<c>@def.example"),
        (b'"joe"@h.x', b'"joe"@h.x'),
        (b"@r:joe@h.x", b"@r:joe@h.x"),
        (b"#@[]", b"#@[]"),
        (b"", b""),
    ],
)
def test_an_argument_is_one_address_whatever_it_holds(text: bytes, address: bytes) -> None:
    assert Rewriter(HOSTS).plain(text) == address


@pytest.mark.parametrize("name", ["defaulthost", "defaultdomain", "plusdomain"])
def test_a_host_name_that_cannot_be_read_is_told(name: str) -> None:
    with pytest.raises(Unparsable):
        Rewriter(HOSTS._replace(**{name: b"(ab"}))
    Rewriter(HOSTS._replace(**{name: b'"a\nb"'}))
