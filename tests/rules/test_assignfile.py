"""Password file lines into assignments. (The program has the recorded cases.)"""

from __future__ import annotations

import pytest

from qmtwist.rules.assignfile import Entry, Style, account_lines, has_upper, parse_passwd, parse_subuser, subuser_lines

JOE = Entry(b"joe", b"507", b"100", b"/home/joe")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"joe:x:507:100:Joe:/home/joe",
        b"jo\0e:x:507:100::/h:/sh",
        b"toor:x:0:0::/root:/sh",
        b"joe:x:me:100::/h:/sh",
    ],
)
def test_short_lines_and_root_are_no_entries(line: bytes) -> None:
    assert parse_passwd(line) is None


def test_uid_and_gid_stay_as_they_are_written() -> None:
    assert parse_passwd(b"joe:x:0507:0100:Joe:/home/joe:/bin/sh") == Entry(b"joe", b"0507", b"0100", b"/home/joe")


def test_an_account_has_an_exact_line_and_a_wildcard() -> None:
    assert list(account_lines(JOE, None, Style())) == [
        b"=joe:joe:507:100:/home/joe:::\n",
        b"+joe-:joe:507:100:/home/joe:-::\n",
    ]


def test_alias_gets_everything_else_even_without_names_of_its_own() -> None:
    alias = Entry(b"alias", b"1", b"2", b"/a")
    assert list(account_lines(alias, [], Style())) == [b"+:alias:1:2:/a:-::\n"]


def test_without_a_separator_there_are_no_extensions() -> None:
    style = Style(separator=b"")
    assert list(account_lines(JOE, [b"j", b"js"], style)) == [
        b"=j:joe:507:100:/home/joe:::\n",
        b"=js:joe:507:100:/home/joe:::\n",
    ]
    subuser = parse_subuser(b"sales:joe:s:")
    assert subuser is not None
    assert list(subuser_lines(subuser, JOE, style)) == [b"=sales:joe:507:100:/home/joe:-:s:\n"]


def test_a_subuser_needs_three_colons() -> None:
    assert parse_subuser(b"sales:joe:s") is None


def test_capitals_are_ascii_ones() -> None:
    assert has_upper(b"Joe") and not has_upper("joé".encode())
