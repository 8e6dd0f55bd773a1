"""What a .forward file asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.rules.aliaswords import ADDRESS, FILE, PROGRAM, Hosts, Mistake
from qmtwist.rules.dotforward import Owner, Plan, Step, parse

JOE = Owner(b"Joe", b"host.dom")
HOSTS = Hosts(b"def.dom", b"d.dom", b"p.dom")


def plan(text: bytes, **lists: bytes) -> Plan:
    """Of joe@host.dom; `lists` are the files that can be included, in /l/."""
    return parse(text, JOE, lambda: HOSTS, lambda name: lists.get(name.decode("latin-1").removeprefix("/l/")))


def test_lines_in_order_and_words_from_right_to_left() -> None:
    assert plan(b'a@b.c, "|x"\n#y\nd').steps == (
        Step(PROGRAM, b"x"), Step(ADDRESS, b"a@b.c"), Step(ADDRESS, b"d@def.dom"),
    )  # fmt: skip


@pytest.mark.parametrize("text", [b"joe", b"\\joe\n", b"JOE\r\n", b"<joe>", b"joe@HOST.dom"])
def test_the_users_own_address_is_direct_delivery(text: bytes) -> None:
    assert plan(text) == Plan((), True)


def test_nothing_is_asked_for_by_blanks_comments_and_empty_addresses() -> None:
    assert plan(b"# x\n\n  \n<>\n(x)\n") == Plan((), False)


def test_a_name_that_is_not_set_is_nobodys() -> None:
    found = parse(b"<> @", Owner(b"", b""), lambda: HOSTS, lambda name: None)
    assert not found.is_direct


def test_lists_are_read_where_they_are_named_and_once() -> None:
    found = plan(b":include:/l/one\nz@z.z\n", one=b'a@b.c\n:include:/l/two\n"|p"\n', two=b"/f\n:include:/l/one")
    assert found.steps == (
        Step(ADDRESS, b"a@b.c"), Step(FILE, b"/f"), Step(PROGRAM, b"p"), Step(ADDRESS, b"z@z.z"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b'"|first"\nfred (\n', b"unable to parse this line: fred (\n"),
        (b"a>", b"unable to parse this line: a>"),
        (b"a\0b", b"unable to parse this line: a\0b"),
        (b":include:/etc/list", b"file delivery /etc/list not supported"),
        (b":include:,a", b"unable to parse this line: :include:,a"),
    ],
)
def test_a_mistake_anywhere_is_one_of_the_whole_file(text: bytes, complaint: bytes) -> None:
    with pytest.raises(Mistake) as caught:
        plan(text)
    assert caught.value.complaint == complaint


def test_lists_within_lists_come_to_an_end() -> None:
    with pytest.raises(Mistake):
        plan(b":include:/l/x0", **{f"x{number}": b":include:/l/x%d" % (number + 1) for number in range(2000)})


@given(st.binary(max_size=200))
def test_any_file_is_a_plan_or_a_mistake(text: bytes) -> None:
    try:
        found = plan(text)
    except Mistake:
        return
    assert all(b"\0" not in step.text for step in found.steps)
