"""rules/dotqmail: what the lines of a .qmail file mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.rules import dotqmail
from qmtwist.rules.dotqmail import Instruction, address_mistake, c_string, parse

LINES = st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"")), max_size=8)


def meaning(text: bytes, is_forward_only: bool = False) -> list[tuple[str, bytes]]:
    parsed = parse(text, is_forward_only)
    assert parsed.mistake is None
    return [(kind, value) for kind, value, _ in parsed.lines]


@pytest.mark.parametrize(
    ("line", "kind", "value"),
    [
        (b"./Mailbox", "mbox", b"./Mailbox"),
        (b"/var/mail/joe", "mbox", b"/var/mail/joe"),
        (b".", "mbox", b"."),
        (b"./Maildir/", "maildir", b"./Maildir/"),
        (b"/", "maildir", b"/"),
        (b"./My Dir/", "maildir", b"./My Dir/"),
        (b"| echo hi", "program", b" echo hi"),
        (b"|", "program", b""),
        (b"&joe@host", "forward", b"joe@host"),
        (b"& joe@host", "forward", b" joe@host"),
        (b"&", "forward", b""),
        (b"joe", "forward", b"joe"),
        (b" ./Mailbox", "forward", b" ./Mailbox"),
        (b"\t|cmd", "forward", b"\t|cmd"),
        (b"./Maildir/\r", "mbox", b"./Maildir/\r"),
    ],
)
def test_the_first_byte_tells_the_kind_of_a_line(line: bytes, kind: str, value: bytes) -> None:
    assert meaning(line) == meaning(line + b"\n") == [(kind, value)]


def test_blanks_at_the_end_do_not_count() -> None:
    assert meaning(b"./Maildir/ \t \njoe@host\t\n") == [("maildir", b"./Maildir/"), ("forward", b"joe@host")]


def test_comments_and_later_empty_lines_mean_nothing() -> None:
    assert meaning(b"# only\n\n \t\n#\n") == []


@pytest.mark.parametrize("text", [b"", b"\n", b" \t\n./Mailbox\n", b"\n./Mailbox\n"])
def test_a_blank_first_line_is_a_mistake(text: bytes) -> None:
    assert parse(text) == ((), dotqmail.FIRST_BLANK)


def test_every_instruction_knows_its_line() -> None:
    assert [i.line for i in parse(b"#\n./a\n\njoe\n").lines] == [2, 4]


def test_list_forbids_files_and_programs_from_there_on() -> None:
    assert meaning(b"./before\n+list\njoe\n") == [("mbox", b"./before"), ("forward", b"joe")]
    assert parse(b"+list\njoe\n|true\nann\n") == ((Instruction("forward", b"joe", 2),), dotqmail.PROGRAM_FORBIDDEN)
    assert parse(b"+list\n./Maildir/\n").mistake == dotqmail.FILE_FORBIDDEN


def test_the_x_bit_forbids_them_in_the_whole_file() -> None:
    assert meaning(b"joe\n&ann\n", True) == [("forward", b"joe"), ("forward", b"ann")]
    assert parse(b"./Mailbox\n", True).mistake == dotqmail.FILE_FORBIDDEN
    assert parse(b"|true\n", True).mistake == dotqmail.PROGRAM_FORBIDDEN


@pytest.mark.parametrize("line", [b"+foo", b"+", b"+listing", b"+ list"])
def test_other_words_after_a_plus_mean_nothing(line: bytes) -> None:
    assert meaning(line + b"\n./Mailbox\n") == [("mbox", b"./Mailbox")]


@given(lines=LINES, is_forward_only=st.booleans())
def test_any_bytes_are_instructions_or_one_mistake(lines: list[bytes], is_forward_only: bool) -> None:
    parsed = parse(b"\n".join(lines), is_forward_only)
    assert len(parsed.lines) <= len(lines)
    for kind, value, number in parsed.lines:
        assert value in lines[number - 1]
        assert value == value.rstrip(b" \t") or kind == "forward"
        assert kind == "forward" or not is_forward_only
    assert [i.line for i in parsed.lines] == sorted({i.line for i in parsed.lines})


@given(lines=LINES)
def test_a_final_line_end_changes_nothing(lines: list[bytes]) -> None:
    text = b"\n".join([b"#", *lines])
    assert parse(text) == parse(text + b"\n")


@pytest.mark.parametrize("address", [b"<joe@host>", b"Joe <joe@host>", b'"Joe" <joe@host>', b" joe@host", b"\tjoe"])
def test_an_address_written_like_a_header_field_is_reported_with_its_line(address: bytes) -> None:
    mistake = address_mistake(Instruction("forward", address, 7))
    assert mistake is not None
    assert b"line 7" in mistake
    assert address.strip() in mistake
    assert mistake.endswith(b" (#4.2.1)")


@pytest.mark.parametrize("address", [b"joe@host", b"joe", b"", b"a<b@host", b"a>b", b"joe>", b"a b@host"])
def test_an_address_that_could_be_meant_is_left_alone(address: bytes) -> None:
    assert address_mistake(Instruction("forward", address, 1)) is None


def test_only_forward_lines_have_addresses() -> None:
    assert address_mistake(Instruction("program", b" cat <in >", 1)) is None


def test_a_nul_ends_a_name() -> None:
    assert (c_string(b"./a\0b"), c_string(b"./a"), c_string(b"\0")) == (b"./a", b"./a", b"")
