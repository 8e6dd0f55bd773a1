"""control/grammar: what qmail's programs see in a control file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.control import grammar

# lines of what people write and what they do not
LINES = st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"")), max_size=8)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "control").mkdir()
    return tmp_path


def put(home: Path, name: str, data: bytes) -> None:
    (home / "control" / name).write_bytes(data)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"mail.example.org\n", b"mail.example.org"),
        (b"mail.example.org \t \nmore\n", b"mail.example.org"),
        (b"no newline", b"no newline"),
        (b" leading blanks stay\n", b" leading blanks stay"),
        (b"", b""),
        (b"\nsecond\n", b""),
        (b"dos\r\n", b"dos\r"),
        (b"# no comment here\n", b"# no comment here"),
    ],
)
def test_a_one_line_file_is_its_first_line_without_blanks_at_the_end(data: bytes, value: bytes) -> None:
    assert grammar.parse_line(data) == value


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"7\n", 7),
        (b"7x\n", 7),
        (b"007\n", 7),
        (b"0\n", 0),
        (b"-5\n", None),
        (b"+5\n", None),
        (b"abc\n", None),
        (b" 7\n", None),
        (b"", None),
        (b"\n7\n", None),
        ("٣\n".encode(), None),
    ],
)
def test_a_number_is_the_digits_that_the_file_begins_with(data: bytes, value: int | None) -> None:
    assert grammar.parse_number(data) == value


def test_a_megabyte_of_digits_is_not_converted() -> None:
    assert grammar.parse_number(b"9" * 1_000_000) == int("9" * 20)


def test_a_list_drops_comments_and_empty_lines_and_keeps_leading_blanks() -> None:
    data = b"# c\nmail.example.org\n\n \t\nexample.org \t\n #no comment\nlast"
    assert grammar.parse_list(data) == [b"mail.example.org", b"example.org", b" #no comment", b"last"]


@given(LINES)
def test_what_a_list_says_can_be_written_back(lines: list[bytes]) -> None:
    found = grammar.parse_list(b"\n".join(lines))
    assert grammar.parse_list(b"".join(line + b"\n" for line in found)) == found
    assert all(line and line.rstrip(b" \t\n") == line and line[:1] != b"#" for line in found)


@given(LINES)
def test_line_numbers_point_at_the_lines(lines: list[bytes]) -> None:
    data = b"\n".join(lines)
    for number, line in grammar.numbered_lines(data):
        assert data.split(b"\n")[number - 1].startswith(line)


@given(st.lists(st.tuples(st.sampled_from([b"A", b"a", b"b.example"]), st.binary(max_size=3))))
def test_the_last_of_equal_keys_wins_whatever_their_case(pairs: list[tuple[bytes, bytes]]) -> None:
    expected = {key.lower(): value for key, value in pairs}
    assert grammar.parse_map([key + b":" + value for key, value in pairs]) == expected


def test_a_map_line_without_a_colon_is_ignored_and_a_value_may_have_colons() -> None:
    assert grammar.parse_map([b"example", b"a:b:c", b":all"]) == {b"a": b"b:c", b"": b"all"}


def test_names_are_compared_without_regard_to_ascii_case_only() -> None:
    assert grammar.parse_names([b"Example.ORG", "É".encode()]) == {b"example.org", "É".encode()}


def test_a_text_keeps_its_lines_and_loses_only_the_newlines_at_its_end() -> None:
    assert grammar.parse_text(b"|a\n\n./Mailbox\n\n") == b"|a\n\n./Mailbox"


def test_an_absent_file_is_none_and_an_empty_one_is_empty(home: Path) -> None:
    put(home, "locals", b"")
    assert grammar.read_list(str(home), "locals") == []
    assert grammar.read_line(str(home), "locals") == b""
    assert grammar.read_list(str(home), "rcpthosts") is None
    assert grammar.read_line(str(home), "me") is None
    assert grammar.read_map(str(home), "virtualdomains") == {}


def test_a_number_has_its_default_where_there_is_no_digit(home: Path) -> None:
    put(home, "queuelifetime", b"x\n")
    put(home, "concurrencylocal", b"0\n")
    assert grammar.read_number(str(home), "queuelifetime", 604800) == 604800
    assert grammar.read_number(str(home), "concurrencylocal", 10) == 0
    assert grammar.read_number(str(home), "concurrencyremote", 20) == 20


def test_a_map_is_read_with_comments(home: Path) -> None:
    put(home, "virtualdomains", b"# ours\nA.example:joe\n")
    assert grammar.read_map(str(home), "virtualdomains") == {b"a.example": b"joe"}


def test_a_long_file_is_read_whole(home: Path) -> None:
    put(home, "rcpthosts", b"".join(b"host%d.example\n" % number for number in range(20_000)))
    assert len(grammar.read_list(str(home), "rcpthosts") or []) == 20_000


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_never_taken_for_an_absent_one(home: Path) -> None:
    put(home, "rcpthosts", b"")
    (home / "control" / "rcpthosts").chmod(0)
    with pytest.raises(PermissionError):
        grammar.read_list(str(home), "rcpthosts")


def test_a_directory_or_a_link_to_nothing_is_an_error(home: Path) -> None:
    (home / "control" / "me").mkdir()
    (home / "control" / "rcpthosts").symlink_to("elsewhere")
    with pytest.raises(IsADirectoryError):
        grammar.read_line(str(home), "me")
    with pytest.raises(FileNotFoundError):
        grammar.read_list(str(home), "rcpthosts")


def test_a_fifo_does_not_stop_the_reader(home: Path) -> None:
    os.mkfifo(home / "control" / "me")
    assert grammar.read_line(str(home), "me") == b""
