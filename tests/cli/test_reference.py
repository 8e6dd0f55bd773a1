"""docs/reference is printed from the code, and is what the code says now."""

from __future__ import annotations

import os

import pytest

from qmtwist.cli.control.documents import control_reference
from qmtwist.cli.control.reference import log_reference, program_reference
from qmtwist.logbook import facts

DOCS = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "reference")


@pytest.mark.parametrize(
    ("name", "text"),
    [("control", control_reference()), ("log", log_reference()), ("programs", program_reference())],
    ids=["control", "log", "programs"],
)
def test_the_reference_is_what_the_code_says(name: str, text: str) -> None:
    """S048."""
    with open(f"{DOCS}/{name}.md", encoding="utf-8") as stream:
        assert stream.read() == text, "run scripts/reference"


def test_every_fact_of_the_queue_manager_has_its_line() -> None:
    for fact in facts.Fact.__args__:
        assert f"| {fact.__name__} |" in log_reference()
