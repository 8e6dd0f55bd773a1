"""Exit statuses of qmail-local and what they are reported as."""

from __future__ import annotations

import pytest

from qmtwist.rules.localreport import report, shorten


@pytest.mark.parametrize(
    ("status", "output", "expected"),
    [
        (0, b"did 1+0+0\n", b"Kdid 1+0+0\n"),
        (0, b"", b"K"),
        (0, b"ab\0cd\n", b"Kab"),
        (71, b"t\n", b"Zt\n"),
        (74, b"t\n", b"Zt\n"),
        (75, b"t\n", b"Zt\n"),
        (111, b"t\n", b"Zt\n"),
        (100, b"no\n", b"Dno\n"),
        (1, b"odd\n", b"Dodd\n"),
        (113, b"x", b"ZNot allowed to perform deliveries as root.\n"),
        (126, b"", b"DUnable to run qmail-local.\n"),
        (-9, b"partial\n", b"Zqmail-local crashed.\n"),
    ],
)
def test_status_and_output_make_a_report(status: int, output: bytes, expected: bytes) -> None:
    assert report(status, output) == expected


def test_3000_bytes_are_reported_in_full_and_3001_are_cut() -> None:
    assert shorten(b"x" * 3000) == b"x" * 3000
    assert shorten(b"x" * 3001) == b"x" * 2966 + b"\nError report too long, sorry.\n"
