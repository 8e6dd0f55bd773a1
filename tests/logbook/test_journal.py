"""Entries of the journal."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from qmtwist.logbook.journal import entry, field, priority


def parse(data: bytes) -> dict[bytes, bytes]:
    """An entry as journald reads it."""
    found = {}
    while data:
        line, data = data.split(b"\n", 1)
        name, equals, value = line.partition(b"=")
        if not equals:
            size = int.from_bytes(data[:8], "little")
            value, data = data[8 : 8 + size], data[9 + size :]
        found[name] = value
    return found


@given(some.binary())
def test_any_line_comes_back_whole(line: bytes) -> None:
    assert parse(entry(line))[b"MESSAGE"] == line


@given(some.binary(), some.binary())
def test_no_value_can_look_like_another_field(one: bytes, two: bytes) -> None:
    assert parse(field(b"A", one) + field(b"B", two)) == {b"A": one, b"B": two}


@pytest.mark.parametrize(
    ("event", "wanted"),
    [
        ({"event": "Notice", "level": "warning", "text": "x"}, 4),
        ({"event": "Notice", "level": "alert", "text": "x"}, 1),
        ({"event": "Notice", "level": "", "text": "x"}, 6),
        ({"event": "Line", "text": '"event": "Notice", "level": "alert"'}, 6),
        ({"event": "Bounced", "number": 1, "qp": 2}, 6),
    ],
)
def test_an_object_has_the_level_of_its_notice(event: dict[str, object], wanted: int) -> None:
    assert priority(json.dumps({"time": 1.5, **event}).encode()) == wanted


def test_a_line_that_only_begins_like_an_object_has_no_level() -> None:
    assert priority(b'{"time": "event": "Notice"') == 6
