"""docs/seed-promises.md names, for everything that the seeds promise, the tests that show it."""

from __future__ import annotations

import re

from scripts import seedrows


def document() -> str:
    with open(seedrows.DOCUMENT, encoding="utf-8") as stream:
        return stream.read()


def test_every_promise_has_its_row_in_order() -> None:
    rows = re.findall(r"^\| (S\d{3}) \|", document(), re.M)
    assert rows == [f"S{number:03}" for number in range(1, 311)]


def test_every_row_is_shown_by_the_tests_that_it_names_and_open_rows_by_none() -> None:
    assert list(seedrows.complaints(document())) == [], "run scripts/seedrows.py"


def test_no_promise_is_open() -> None:
    assert not re.search(r"\| open \|$", document(), re.M)


def test_a_row_that_names_another_test_is_noticed() -> None:
    wrong = "| S001 | LWQ | x | `system/test_nothing.py::test_x` |\n| S005 | LWQ | x | open |\n"
    said = list(seedrows.complaints(wrong))
    assert said[0] == "S001 is not shown by tests/system/test_nothing.py::test_x"
    assert said[1].startswith("S005 is shown by tests/")
