"""Address lists as anybody may have written them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.addresstokens import TooLong
from qmtwist.mail.header import Field
from qmtwist.mail.tolerant import Member, format_member, format_members, read_members, unfolded


def shown(text: bytes) -> list[bytes]:
    return [format_member(member) for member in read_members(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"a@b, c@d", [b"a@b", b"c@d"]),
        (b"", []),
        (b" , ,", []),
        (b"Joe Q. Public <q@p.r>", [b'"Joe Q. Public" <q@p.r>']),
        (b"q@p.r (Joe (the) one)", [b'"Joe (the) one" <q@p.r>']),
        (b"Joe <q@p.r> (here)", [b'"Joe here" <q@p.r>']),
        (b"<@r:a@b.c>", [b'"@r" <a@b.c>']),
        (b"<>", [b"<>"]),
        (b"Null <>", [b'"Null" <>']),
        (b"grp: a, b@c;, d", [b'"grp" <a>', b"b@c", b"d"]),
        (b"nobody: ;", [b'"nobody": ;']),
        (b"(Joe), joe@host", [b'"Joe" <joe@host>']),
        (b"(Joe) (Ann), joe@host (J)", [b'"Joe Ann": ;', b'"J" <joe@host>']),
        (b"a b@c d", [b"a", b"b@c", b"d"]),
        (b"<a@b> <c@d>", [b"a@b", b"c@d"]),
        (b'"x@y"@host', [b'"x@y"@host']),
        (b"joe@(home)host", [b'"home" <joe@host>']),
        (b"joe@[::1]", [b"joe@[::1]"]),
        (b"joe@[::1", [b"joe@[::1]"]),
        (b'"joe', [b"joe"]),
        (b"joe@host (no end", [b'"no end" <joe@host>']),
        (b"joe@host )", [b"joe@host", b'")"']),
        (b"a@b>", [b"a@b"]),
        (b"Joe <a@b", [b'"Joe" <a@b>']),
        (rb"joe\ smith@host", [b'"joe smith"@host']),
        ("Zoë <z@h>".encode(), ['"Zoë" <z@h>'.encode()]),
    ],
)
def test_every_text_is_a_list(text: bytes, expected: list[bytes]) -> None:
    assert shown(text) == expected


def test_an_encoded_word_stays_one() -> None:
    assert shown(b"=?utf-8?q?Zo=C3=AB?= <z@h>") == [b"=?utf-8?q?Zo=C3=AB?= <z@h>"]
    assert shown(b"=?utf-8?q?Zo=C3=AB?= K <z@h>") == [b'=?utf-8?q?Zo=C3=AB?= "K" <z@h>']
    assert shown(b"=?no?x <a@b>") == [b'"=?no?x" <a@b>']


def test_a_field_is_folded_after_commas() -> None:
    members = read_members(b", ".join([b"user%02d@host%02d.example.com" % (at, at) for at in range(8)]))
    lines = format_members(b"To: ", members).split(b"\n")
    assert max(map(len, lines)) <= 78
    assert [line[:2] for line in lines] == [b"To", b"  ", b"  ", b"  ", b""]


def test_a_value_has_its_folds_taken_out_and_its_blanks_kept() -> None:
    assert unfolded(Field(b"subject", b"Subject:  a\n\tb\n")) == b"  a\tb"


# -- properties

WORDS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=12).map(str.encode)
NAMES = WORDS.map(lambda name: b" ".join(name.split())).filter(lambda name: b"=?" not in name)
HOSTS = st.from_regex(rb"[a-z0-9]{1,8}(\.[a-z0-9]{1,8}){0,2}", fullmatch=True)
MEMBERS = st.builds(Member, NAMES, WORDS, HOSTS)


@given(st.lists(MEMBERS, max_size=6))
def test_what_was_written_is_read_again(members: list[Member]) -> None:
    field = Field(b"to", format_members(b"To: ", members))
    assert read_members(unfolded(field)) == members


@given(st.binary(max_size=80) | st.lists(st.sampled_from(list(b'"()<>@,;:.[]\\ \tab')), max_size=60).map(bytes))
def test_what_was_read_once_is_read_the_same_again(text: bytes) -> None:
    members = read_members(text.translate(None, b"\r\n"))
    field = Field(b"to", format_members(b"To: ", members))
    again = [member for member in read_members(unfolded(field)) if member.box is not None]
    assert [member.address for member in again] == [member.address for member in members if member.box is not None]


@given(st.binary(max_size=200))
def test_a_field_that_was_written_has_no_line_that_begins_another(text: bytes) -> None:
    raw = format_members(b"To: ", read_members(text))
    assert b"\r" not in raw
    assert all(line[:1] == b" " for line in raw.split(b"\n")[1:-1])


@pytest.mark.parametrize(
    "text",
    [
        b"(" * 10_000,
        b"(" * 10_000 + b")" * 10_000,
        b'"' * 100_001,
        b"<" * 100_000,
        b">" * 100_000,
        b":" * 100_000,
        b"a:" * 50_000 + b";" * 50_000,
        b" " * 1_000_000,
        b"\\" * 100_001,
        b"x" * 10_000_000,
        b"(" + b"x" * 10_000_000,
        b", ".join([b"user%d@host.example" % at for at in range(100_000)]),
        b"\0" * 100_000,
    ],
    ids=range(13),
)
def test_the_time_is_proportional_to_the_text(text: bytes) -> None:
    begun = time.process_time()
    format_members(b"To: ", read_members(text))
    assert time.process_time() - begun < 5


def test_a_list_has_a_limit() -> None:
    with pytest.raises(TooLong):
        read_members(b"a,b,c", limit_tokens=4)
