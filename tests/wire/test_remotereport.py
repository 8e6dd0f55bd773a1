"""qmail-remote's records made into one report."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.outcome import Verdict
from qmtwist.wire.remotereport import combine, crashed


@pytest.mark.parametrize(
    ("output", "report"),
    [
        (b"r\0Kok\n\0", b"Kok\n"),
        (b"hbad\n\0Dgiving up\n\0", b"Dbad\ngiving up\n"),
        (b"hbad\n\0Kok\n\0", b"Dbad\n"),
        (b"slater\n\0Dno\n\0", b"Zlater\nno\n"),
        (b"slater\n\0Kok\n\0", b"Zlater\n"),
        (b"hbad\n\0Zlater\n\0", b"Dbad\n"),
        (b"r\0xjunk\0Kok\0", b"K"),
        (b"Kok\n", b"D"),
        (b"hello\0", b"Dello"),
        (b"\0Kok\0", b"KKok"),
        (b"", b"Zqmail-remote produced no output.\n"),
    ],
)
def test_records_are_combined_as_qmail_rspawn_does(output: bytes, report: bytes) -> None:
    verdict, text = combine(0, output)
    assert verdict.value + text == report


@pytest.mark.parametrize(("code", "verdict"), [(111, Verdict.DEFERRAL), (100, Verdict.FAILURE), (1, Verdict.FAILURE)])
def test_a_program_that_failed_is_not_believed(code: int, verdict: Verdict) -> None:
    assert combine(code, b"r\0Kok\0") == (verdict, b"Unable to run qmail-remote.\n")


def test_a_crash_defers() -> None:
    assert crashed() == (Verdict.DEFERRAL, b"qmail-remote crashed.\n")


@given(st.binary(max_size=60))
def test_success_needs_a_message_record_that_says_so(output: bytes) -> None:
    verdict, text = combine(0, output)
    assert b"\0" not in text
    if verdict is Verdict.SUCCESS:
        assert any(record[:1] == b"K" for record in output.split(b"\0")[:-1])
