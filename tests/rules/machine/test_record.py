"""rules/machine/record.py: what setup made, as lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.rules.machine import record
from qmtwist.rules.machine.record import Fact

words = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=9)


@st.composite
def facts(draw: st.DrawFn) -> list[Fact]:
    kinds = draw(st.lists(st.sampled_from(sorted(record.WORDS)), max_size=5))
    return [Fact(kind, tuple(draw(st.lists(words, min_size=low, max_size=high)))) for kind in kinds
            for low, high in [record.WORDS[kind]]]  # fmt: skip


@given(facts())
def test_parse_after_form_is_the_identity(known: list[Fact]) -> None:
    assert record.parse(record.form(known)) == known


@pytest.mark.parametrize(
    "line", ["sung /a", "link /a", "link /a /b /c", "group", "user a 1 2", "link 'a b", "", "home"]
)
def test_what_is_no_record_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(ValueError, match="line 2 "):
        record.parse(f"home /var/qmail\n{line}\n")


def test_a_fact_takes_the_place_of_what_was_known_about_the_same_thing() -> None:
    first, second = Fact("user", ("alias",)), Fact("group", ("qmail", "7"))
    later = Fact("user", ("alias", "99"))
    assert record.with_fact([first, second], later) == [later, second]
    assert record.with_fact([second], later) == [second, later]
    assert record.without([first, second], first) == [second]
    assert record.of_kind([first, second], "group") == [second]
