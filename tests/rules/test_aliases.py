"""/etc/aliases to records."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.rules.aliases import entries, included, includes, records
from qmtwist.rules.aliaswords import Hosts, Mistake

HOSTS = Hosts(b"h.dom", b"d.dom", b"p.dom")


def table(text: bytes) -> list[tuple[bytes, bytes]]:
    """The records of a whole file."""
    return [record for entry in entries(text.splitlines(keepends=True)) for record in records(entry, HOSTS)]


def test_a_file_as_postfix_users_write_it() -> None:
    text = b"""# See aliases(5)
MAILER-DAEMON:  postmaster
postmaster:     root
root:           ann@there.example,
                "|/usr/bin/log -x 'a b'",
        # until Bob is back:
                \\bob
"info desk": joe
staff:          :include:/etc/staff
"""
    assert table(text) == [
        (b":mailer-daemon@", b"&postmaster@h.dom\0"),
        (b":postmaster@", b"&root@h.dom\0"),
        (b":root@", b"!/usr/bin/log -x 'a b'\0&bob@h.dom\0&ann@there.example\0"),
        (b":info desk@", b"&joe@h.dom\0"),
        (b":staff@", b"/etc/staff.bin\0"),
    ]


def test_virtual_domains_and_owners() -> None:
    assert table(
        b"@virt.dom: joe\nJoe@Virt.dom: ann\n(all)@other.dom: x\nl: a@b.c\nowner-l: ann\nowner-l@v.d: b@c.d\n"
    ) == [
        (b":@virt.dom", b"&joe@h.dom\0"),
        (b":joe@virt.dom", b"&ann@h.dom\0"),
        (b":@other.dom", b"&x@h.dom\0"),
        (b":l@", b"&a@b.c\0"),
        (b"?l@", b"owner-l@h.dom"),
        (b":owner-l@", b"&ann@h.dom\0"),
        (b"?l@v.d", b"owner-l@v.d"),
        (b":owner-l@v.d", b"&b@c.d\0"),
    ]


def test_the_last_line_needs_no_line_end() -> None:
    assert table(b"a: b@c.d\ne: f@g.h") == [(b":a@", b"&b@c.d\0"), (b":e@", b"&f@g.h\0")]


def test_carriage_returns_are_blanks() -> None:
    assert table(b"a: b@c.d,\r\n\r\n e@f.g\r\nh: i@j.k\r\n") == [(b":a@", b"&e@f.g\0&b@c.d\0"), (b":h@", b"&i@j.k\0")]


def test_a_comment_takes_its_continuations_with_it_but_not_the_rest_of_a_list() -> None:
    assert table(b"a: b@c.d\n# old: x@y.z,\n  u@v.w\n") == [(b":a@", b"&b@c.d\0")]
    assert table(b"a: b@c.d,\n# new:\n  u@v.w\n") == [(b":a@", b"&u@v.w\0&b@c.d\0")]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"root:\n", b"unable to parse this line: root:\n"),
        (b'root: "x\n', b'unable to parse this line: root: "x\n'),
        (b"a: b>\n", b"unable to parse this line: a: b>\n"),
        (b"root: /dev/null\n", b"file delivery /dev/null not supported"),
        (b"a: <>\n", b"empty recipient addresses not permitted"),
        (b"a: :include:\n", b"empty :include: filenames not permitted"),
        (b"a: :include:x\0y\n", b"NUL not permitted in :include: filenames"),
        (b'a: "|x\0y"\n', b"NUL not permitted in program names"),
        (b'a: "x\n y"\n', b"newlines not permitted in recipient addresses"),
        (b"a: x\0y\n", b"NUL not permitted in recipient addresses"),
    ],
)
def test_each_mistake_has_its_words(text: bytes, complaint: bytes) -> None:
    with pytest.raises(Mistake) as caught:
        table(text)
    assert (caught.value.complaint, caught.value.is_lasting) == (complaint, False)


def test_an_address_over_800_bytes_is_refused_for_good() -> None:
    with pytest.raises(Mistake) as caught:
        table(b"a: " + b"x" * 800 + b"\n")
    assert caught.value.is_lasting


def test_an_entry_says_where_it_begins() -> None:
    found = entries([b"\n", b"# c\n", b"a: b,\n", b"\n", b" c\n", b"d: e\n"])
    assert [entry.line for entry in found] == [3, 6]


@given(st.lists(st.sampled_from([b"a: b\n", b" c\n", b"#x\n", b"\n", b"\tc,\n", b"a: b,\n", b" # y\n"])))
def test_no_line_is_in_two_entries_and_none_is_invented(lines: list[bytes]) -> None:
    texts = [entry.text for entry in entries(lines)]
    kept = [line for line in lines if line.strip() and line.lstrip()[:1] != b"#"]
    together = b"".join(texts).splitlines(keepends=True)
    rest = iter(kept)
    assert all(line in rest for line in together)  # a subsequence


def test_a_list_for_newinclude() -> None:
    line = b'a@b.c, bob (Bob), Joe <joe@short>, "x y"@z.w, :include:/etc/l2\n'
    assert list(included(line, HOSTS)) == [
        b"/etc/l2\0", b"&x y@z.w\0", b"&joe@short.d.dom\0", b"&bob@h.dom\0", b"&a@b.c\0",
    ]  # fmt: skip
    assert list(included(b"# a@b.c\n", HOSTS)) == []
    assert list(included(b"<>\n", HOSTS)) == []


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b'"|prog"\n', b"program delivery |prog not supported"),
        (b"/a/b\n", b"file delivery /a/b not supported"),
        (b"(a\n", b"unable to parse this line: (a\n"),
        (b":include:\n", b"empty :include: filenames not permitted"),
        (b':include:"a\nb"\n', b"newlines not permitted in :include: filenames"),
        (b'"a\nb"\n', b"newlines not permitted in recipient addresses"),
        (b"a\0b\n", b"NUL not permitted in recipient addresses"),
        (b"x" * 800 + b"\n", b"addresses must be under 800 bytes"),
        (b'a@"b.c "\n', b"spaces and tabs not permitted at ends of addresses"),
    ],
)
def test_a_list_refuses(line: bytes, complaint: bytes) -> None:
    with pytest.raises(Mistake) as caught:
        list(included(line, HOSTS))
    assert caught.value.complaint == complaint


def test_the_lists_of_a_record() -> None:
    assert includes(b"&a@b\0./x.bin\0/y\0!z.bin\0") == [b"./x"]
