"""qmail-remote's records made into one report."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.outcome import Verdict
from qmtwist.wire.remotereport import Result, combine, crashed


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


# -- the result of a transaction

TEXTS = st.binary(max_size=8).map(lambda text: text.replace(b"\0", b"?"))
RESULTS = st.builds(
    Result,
    st.lists(st.tuples(st.sampled_from([b"r", b"h", b"s"]), TEXTS), min_size=1, max_size=4).map(tuple),
    st.sampled_from([b"K", b"Z", b"D"]),
    TEXTS,
)


@given(RESULTS)
def test_each_recipient_has_the_outcome_of_a_run_of_its_own(result: Result) -> None:
    outcomes = result.outcomes(len(result.recipients))
    for record, outcome in zip(result.recipients, outcomes, strict=True):
        assert outcome == combine(0, Result((record,), result.letter, result.text).records())


@given(RESULTS, st.integers(0, 9))
def test_every_recipient_has_an_outcome_and_none_succeeds_unheard(result: Result, count: int) -> None:
    outcomes = result.outcomes(count)
    assert len(outcomes) == count
    for outcome in outcomes[len(result.recipients) :]:
        assert outcome.verdict is (Verdict.FAILURE if result.letter == b"D" else Verdict.DEFERRAL)
        assert outcome.text == result.text


def test_records_are_what_qmail_remote_writes() -> None:
    result = Result(((b"r", b""), (b"h", b"no\n")), b"K", b"ok\n")
    assert result.records() == b"r\0hno\n\0Kok\n\0"
