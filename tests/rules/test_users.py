"""users/assign, the order of lookups, and qmail-getpw's candidates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.errors import Malformed, Temporary
from qmtwist.rules.users import (
    Account,
    Candidate,
    assign_records,
    candidates,
    format_account,
    parse_account,
    probes,
)

JOE = b"joe\0507\000100\0/home/joe\0-\0"


def records(text: bytes) -> list[tuple[bytes, bytes]]:
    return list(assign_records(text.splitlines(keepends=True)))


def test_an_exact_line_has_a_key_that_ends_in_nul_and_a_wildcard_has_not() -> None:
    found = records(b"=Joe:joe:507:100:/home/joe:::\n+Joe-:joe:507:100:/home/joe:-:Pre:\n.\n")
    assert found == [
        (b"!joe\0", b"joe\x00507\x00100\x00/home/joe\x00\x00"),
        (b"!joe-", b"joe\x00507\x00100\x00/home/joe\x00-\x00Pre"),
        (b"", b"-"),
    ]


def test_last_bytes_of_wildcards_are_kept_once_each_in_order_and_as_written() -> None:
    text = b"".join(b"+%s:u:1:1:/:-::\n" % name for name in (b"b-", b"a.", b"c-", b"X", b"")) + b"."
    assert records(text)[-1] == (b"", b"-.X")


def test_what_follows_the_dot_line_does_not_count() -> None:
    assert records(b".anything\0\n=half a line") == [(b"", b"")]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"=a:x:1:1:/x:::\n",
        b"=a:x:1:1:/x:::",
        b"\n.\n",
        b"# a comment\n.\n",
        b":a:1:1:/x:::\n.\n",
        b"=a:x:1:1:/x::\n.\n",
        b"=a\0:x:1:1:/x:::\n.\n",
    ],
)
def test_anything_else_is_a_bad_format(text: bytes) -> None:
    with pytest.raises(Malformed):
        records(text)


def test_a_complaint_names_the_line() -> None:
    with pytest.raises(Malformed, match="line 2"):
        records(b"=a:x:1:1:/x:::\nnonsense\n.\n")


def lookup(text: bytes, local: bytes) -> Account | None:
    """What qmail-lspawn finds: the first record of the first key that is there."""
    database: dict[bytes, bytes] = {}
    for key, data in records(text):
        database.setdefault(key, data)
    for key, rest in probes(local, database[b""]):
        if key in database:
            return parse_account(database[key] + rest)
    return None


ASSIGN = (
    b"+:alias:7790:2108:/a:-::\n+joe-:joe:507:100:/home/joe:-::\n=joe:joe:507:100:/home/joe:::\n"
    b"+joe-list-:list:600:600:/home/list:-:l-:\n+Mixed:m:601:601:/m:-:P:\n+shout-A:s:602:602:/s:-::\n.\n"
)


@pytest.mark.parametrize(
    ("local", "user", "dash", "ext"),
    [
        (b"joe", b"joe", b"", b""),
        (b"JOE", b"joe", b"", b""),
        (b"joe-", b"joe", b"-", b""),
        (b"joe-Foo.Bar", b"joe", b"-", b"Foo.Bar"),
        (b"joe-list-X", b"list", b"-", b"l-X"),
        (b"joe-list", b"joe", b"-", b"list"),
        (b"mixedCase", b"m", b"-", b"PCase"),
        (b"joe+x", b"alias", b"-", b"joe+x"),
        (b"shout-Ab", b"alias", b"-", b"shout-Ab"),  # its last byte is kept as a capital, and so never matches
    ],
)
def test_exact_then_the_longest_wildcard_then_the_bare_one(local: bytes, user: bytes, dash: bytes, ext: bytes) -> None:
    found = lookup(ASSIGN, local)
    assert found is not None
    assert (found.user, found.dash, found.ext) == (user, dash, ext)


def test_without_a_bare_wildcard_nothing_may_be_found() -> None:
    assert lookup(b"=joe:joe:507:100:/home/joe:::\n.\n", b"jim") is None


def test_of_two_equal_lines_the_first_counts() -> None:
    found = lookup(b"=a:x:1500:1:/x:::\n=a:y:1501:2:/y:::\n.\n", b"a")
    assert found is not None and found.user == b"x"


@given(
    st.binary(max_size=12) | st.text("aA-+.", max_size=12).map(str.encode), st.sets(st.sampled_from(b"-+.a")).map(bytes)
)
def test_a_probe_and_its_rest_make_the_local_part_again(local: bytes, wildcards: bytes) -> None:
    after_the_name = list(probes(local, wildcards))[1:]
    assert len(after_the_name) == 1 + sum(byte in wildcards for byte in local.lower())
    for key, rest in after_the_name:
        assert key[0:1] == b"!" and key[1:] + rest.lower() == local.lower()
        assert rest == local[len(local) - len(rest) :]


@pytest.mark.parametrize("data", [b"", b"joe\x00507\x00100\x00/home/joe\x00-", b"joe\x001\x00staff\x00/h\x00\x00"])
def test_fields_that_are_missing_and_groups_without_number_make_no_account(data: bytes) -> None:
    with pytest.raises(Temporary):
        parse_account(data)


def test_a_uid_that_is_no_number_counts_as_root() -> None:
    assert parse_account(b"joe\0x\0001\0/h\0\0").uid == 0


@given(st.integers(0, 2**32), st.integers(0, 2**32), st.lists(st.binary(max_size=9), min_size=4, max_size=4))
def test_parsing_an_account_undoes_formatting_it(uid: int, gid: int, texts: list[bytes]) -> None:
    user, home, dash, ext = (text.replace(b"\0", b"") for text in texts)
    account = Account(user, uid, gid, home, dash, ext)
    assert parse_account(format_account(account)) == account


def test_candidates_go_from_the_whole_name_to_the_shortest_prefix() -> None:
    assert list(candidates(b"Joe-Foo-Bar")) == [
        Candidate(b"joe-foo-bar", b"", b""),
        Candidate(b"joe-foo", b"-", b"Bar"),
        Candidate(b"joe", b"-", b"Foo-Bar"),
    ]
    assert list(candidates(b"-joe")) == [Candidate(b"-joe", b"", b""), Candidate(b"", b"-", b"joe")]
    assert list(candidates(b"")) == [Candidate(b"", b"", b"")]


def test_names_of_32_bytes_are_never_tried() -> None:
    assert list(candidates(b"x" * 31)) == [Candidate(b"x" * 31, b"", b"")]
    assert list(candidates(b"x" * 32)) == []
    assert list(candidates(b"x" * 31 + b"-ext")) == [Candidate(b"x" * 31, b"-", b"ext")]
