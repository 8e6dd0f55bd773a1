"""What the documents promise of addresses: they are names and nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support.daemon import running
from tests.support.town import HOST, Office, town

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with town("joe") as made, running(Office(made)) as daemon:
        yield daemon


@pytest.mark.parametrize("start", ["", "joe-"])
def test_no_address_is_a_command_or_a_file(office: Office, start: str) -> None:
    """S304: neither a name nor an extension, though a file for every extension hands it to a program."""
    made = office.town
    trap = made.folder("joe", "trap", 0o777)
    made.file("joe", ".qmail-default", '|echo "$EXT" >> seen\n')
    made.file("joe", "secret", "ann@far.example\n")
    for name in (
        f"|touch${{IFS}}{trap}/a",
        f"/{trap}/b",
        f":include:{trap}/../secret",
        f"$(touch${{IFS}}{trap}/c)",
        "../secret",
    ):
        report = office.deliver(f"{start}{name}@{HOST}")
        assert ": success: " in report if start else ": failure: " in report
    assert os.listdir(trap) == []
    seen = made.read("joe", "seen").splitlines()
    assert len(seen) == (5 if start else 0) and "../secret" in (seen or ["../secret"])


def test_a_name_that_ends_in_a_plus_gets_plusdomain(office: Office) -> None:
    """S039."""
    office.town.write("control/plusdomain", "plus.example\n")
    said = office.town.run("qmail-inject", "-n", text="To: joe@mail+\n\n")
    assert "To: joe@mail.plus.example\n" in said
