"""control/schema: a row for every file and every setting, and nothing that does nothing."""

from __future__ import annotations

from pathlib import Path

import attrs

from qmtwist.control import schema
from qmtwist.control.change import value_of
from qmtwist.control.load import load
from qmtwist.control.row import Kind
from qmtwist.control.settings import Settings

# qmail-control(5): the table of Life with qmail 3.1
NAMES = """badmailfrom bouncefrom bouncehost concurrencyincoming concurrencylocal concurrencyremote defaultdelivery
defaultdomain defaulthost databytes doublebouncehost doublebounceto envnoathost helohost idhost localiphost locals me
morercpthosts percenthack plusdomain qmqpservers queuelifetime rcpthosts smtpgreeting smtproutes timeoutconnect
timeoutremote timeoutsmtpd virtualdomains"""
QMAIL = frozenset(NAMES.split())


def fields(settings: Settings) -> set[str]:
    found = {"me"}
    for section in attrs.fields(Settings):
        value = getattr(settings, section.name)
        if attrs.has(type(value)):
            found |= {f"{section.name}.{field.name}" for field in attrs.fields(type(value))}
        found |= {f"{section.name}.{name}" for name in getattr(value, "_fields", ())}
    return found


def test_every_file_of_qmail_has_a_row() -> None:
    assert schema.ROWS.keys() >= QMAIL
    assert {row.name for row in schema.CLASSIC} | {row.name for row in schema.CONVENTIONAL} == QMAIL


def test_every_setting_has_exactly_one_row_and_every_row_of_a_setting_exists(tmp_path: Path) -> None:
    (tmp_path / "control").mkdir()
    (tmp_path / "control" / "me").write_text("a.example\n")
    named = [row.field for row in schema.ROWS.values() if row.field]
    assert len(named) == len(set(named))
    assert set(named) == fields(load(str(tmp_path)))


def test_a_row_of_each_number_sets_its_field(tmp_path: Path) -> None:
    (tmp_path / "control").mkdir()
    (tmp_path / "control" / "me").write_text("a.example\n")
    for row in schema.ROWS.values():
        if row.kind is Kind.NUMBER and row.field:
            path = tmp_path / "control" / row.name
            path.write_text(f"{row.minimum + 1}\n")
            assert value_of(load(str(tmp_path)), row.field) == row.minimum + 1
            path.unlink()


def test_defaults_are_in_range_and_purposes_are_one_line() -> None:
    for row in schema.ROWS.values():
        if isinstance(row.default, int):
            assert row.minimum <= row.default <= row.maximum, row.name
        assert row.purpose and "\n" not in row.purpose and row.reader
        assert (row.show is not None) == row.is_classic
