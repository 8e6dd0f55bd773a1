"""The spawn protocol, the spawner's side."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.outcome import Outcome, Verdict
from qmtwist.wire.spawnclassic import ClassicOrder, OrderReader, format_report, objection
from tests.support.cuts import cuts

fields = st.binary(max_size=12).map(lambda field: field.replace(b"\0", b""))
orders = st.builds(ClassicOrder, st.integers(0, 255), fields, fields, fields)


@given(st.lists(orders, max_size=5), st.data())
def test_orders_are_read_however_they_are_cut(wanted: list[ClassicOrder], data: st.DataObject) -> None:
    stream = b"".join(b"%c%s\0%s\0%s\0" % order for order in wanted)
    reader = OrderReader()
    assert [order for piece in data.draw(cuts(stream)) for order in reader.receive(piece)] == wanted


def test_an_incomplete_order_is_none() -> None:
    assert OrderReader().receive(b"\x031/24\0s\0a@b") == []


@pytest.mark.parametrize(
    ("order", "report"),
    [
        (ClassicOrder(120, b"1/24", b"", b"a@b"), b"ZInternal error: delnum too big. (#4.3.5)\n"),
        (ClassicOrder(7, b"1/24", b"", b"a@b"), b"ZInternal error: delnum in use. (#4.3.5)\n"),
        (ClassicOrder(1, b"/24", b"", b"a@b"), b"DInternal error: messid has nonnumerics. (#5.3.5)\n"),
        (ClassicOrder(1, b"1/../24", b"", b"a@b"), b"DInternal error: messid has nonnumerics. (#5.3.5)\n"),
        (ClassicOrder(1, b"1" * 100, b"", b"a@b"), b"DInternal error: messid too long. (#5.3.5)\n"),
        (ClassicOrder(1, b"", b"", b"a@b"), b"DInternal error: messid too short. (#5.3.5)\n"),
        (ClassicOrder(1, b"1/24", b"", b"joe"), b"DSorry, address must include host name. (#5.1.3)\n"),
    ],
)
def test_impossible_orders_are_reported(order: ClassicOrder, report: bytes) -> None:
    outcome = objection(order, {7})
    assert outcome is not None
    assert format_report(order.number, outcome) == b"%c%s\0" % (order.number, report)


@pytest.mark.parametrize("name", [b"1/24", b"1" * 99, b"24"])
def test_possible_orders_are_not(name: bytes) -> None:
    assert objection(ClassicOrder(119, name, b"", b"@"), {7}) is None


def test_a_nul_ends_a_report_early_instead_of_making_it_two() -> None:
    assert format_report(1, Outcome(Verdict.SUCCESS, b"ok\0\x02Dgone")) == b"\x01Kok\0"
