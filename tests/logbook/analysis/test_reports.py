"""The reports, where they have to decide something."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.logbook.analysis.figures import columns, number, shown
from qmtwist.logbook.analysis.histories import DEFERRAL, SUCCESS, Delivery, History, Message
from qmtwist.logbook.analysis.reports import REPORTS, add_all, as_sendmail

Numbers = st.floats(0, 1e15) | st.integers(0, 1 << 60)


def delivery(
    kind: bytes = SUCCESS, birth: float = 1, start: float = 2, end: float = 4, recipient: bytes = b"local.a@b"
) -> Delivery:
    instants = (b"%.6f" % birth, b"%.6f" % start, b"%.6f" % end)
    return Delivery(kind, *instants, b"100", b"<j@x>", recipient, b"7", b"1000", b"a_reason/")


def table(name: bytes, *histories: History) -> list[list[bytes]]:
    """The words of a report's rows, without what stands above them."""
    text = add_all(REPORTS[name](), histories).text()
    return [line.split() for line in text.rpartition(b"\n\n")[2].splitlines()[1:]]


def test_equal_delays_count_each() -> None:
    rows = table(b"zddist", *[delivery(end=2)] * 3, delivery(end=5))
    assert rows == [
        [b"1.00", b"1.00", b"25"],
        [b"1.00", b"1.00", b"50"],
        [b"1.00", b"1.00", b"75"],
        [b"4.00", b"1.75", b"100"],
    ]


def test_less_than_ten_per_cent_are_not_shown() -> None:
    rows = table(b"zddist", *[delivery(end=2 + place) for place in range(200)])
    assert [row[2] for row in rows] == [b"%d" % part for part in range(10, 101)]
    assert rows[0] == [b"20.00", b"11.00", b"10"]


def test_without_a_success_there_is_no_average_of_them() -> None:
    text = add_all(REPORTS[b"zoverall"](), [delivery(DEFERRAL)]).text()
    assert b"Total ddelay (s): 0.000000\nTotal xdelay (s): 2.000000\n" in text and b"per success" not in text


def test_without_time_passing_there_is_no_concurrency() -> None:
    text = add_all(REPORTS[b"zoverall"](), [delivery(birth=4, start=4)]).text()
    assert text.endswith(b"Time span (days): 0.000000\n")


def test_rows_are_in_the_order_of_numbers_not_of_text() -> None:
    slow, fast = delivery(end=102, recipient=b"local.slow@s"), delivery(end=11, recipient=b"local.fast@f")
    assert [row[-1] for row in table(b"zrecipients", slow, fast)] == [b"local.fast@f", b"local.slow@s"]
    assert [row[-1] for row in table(b"zrhosts", slow, fast)] == [b"f", b"s"]
    assert [row[-1] for row in table(b"zrxdelay", slow, *[fast] * 50)] == [b"local.fast@f", b"local.slow@s"]


def test_senders_without_a_message_that_is_gone_are_shown_with_their_time() -> None:
    gone = Message(b"1.0", b"9.5", b"100", b"2", b"1", b"4", b"<j@x>", b"7", b"0")
    assert table(b"zsenders", delivery(), gone) == [
        [b"1", b"100", b"200", b"300", b"3", b"7", b"0.000000", b"0/<j@x>"],
        [b"0", b"0", b"0", b"0", b"0", b"0", b"2.000000", b"1000/<j@x>"],
    ]


def test_a_kind_that_nobody_knows_is_unknown() -> None:
    assert b"stat=Unknown (a_reason/)" in as_sendmail(delivery(b"x"))


@pytest.mark.parametrize("text", [b"?", b"", b".", b"-1", b"nan", b"inf", b"1e5", b"1_0", b"1.2.3", b"9" * 31, b"0x1"])
def test_what_is_no_number_counts_nothing(text: bytes) -> None:
    assert number(text) == 0


@given(Numbers)
def test_a_number_is_shown_so_that_it_can_be_read(value: float) -> None:
    assert float(shown(value)) == pytest.approx(value, rel=1e-5)


@given(st.lists(st.lists(st.from_regex(rb"[a-z]{1,8}", fullmatch=True), min_size=1, max_size=4)))
def test_columns_keep_the_words_and_end_together(rows: list[list[bytes]]) -> None:
    lines = columns(rows).splitlines()
    assert [line.split() for line in lines] == rows
    last = max(map(len, rows), default=0) - 1
    starts = {
        line.find(b" ", len(line) - len(line.lstrip())) for line, row in zip(lines, rows, strict=True) if last > 0
    }
    assert len(starts) <= 1
