"""What a log adds up to: figures, steps, tables, the page."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.logbook.analysis.histories import DEFERRAL, FAILURE, SUCCESS, Delivery, Message
from qmtwist.logbook.analysis.page import page
from qmtwist.logbook.analysis.plots import ceiling, escaped
from qmtwist.logbook.analysis.summary import Summary, Values, gist
from qmtwist.logbook.analysis.sums import distribution
from qmtwist.logbook.analysis.tables import tables
from qmtwist.logbook.analysis.timeline import Timeline

NASTY = b"<script>alert(1)</script>&\"'\x1b[31m\xff"


def delivery(
    kind: bytes = SUCCESS, end: int = 4, recipient: bytes = b"remote.a@far.example", reason: bytes = b"ok/"
) -> Delivery:
    return Delivery(kind, b"1.0", b"2.0", b"%d.0" % end, b"100", b"<joe@x.example>", recipient, b"7", b"1000", reason)


def told(*found: Delivery | Message | bytes) -> Values:
    summary = Summary()
    for item in found:
        summary.take(item)
    return summary.values(10, 3)


def test_everything_is_counted_once() -> None:
    values = told(
        delivery(DEFERRAL, 4, reason=b"later/"),
        delivery(SUCCESS, 8),
        delivery(FAILURE, 9, b"local.b", b"no/"),
        Message(b"1.0", b"9.5", b"100", b"1", b"1", b"1", b"<joe@x.example>", b"7", b"1000"),
        b"? smtp 1",
        b"9.0 warning: trouble",
    )
    assert values["messages"] == {
        "completed": 1, "open": 3, "recipients": 2, "tries": 3, "bytes": 100, "bytes_delivered": 100,
        "average_qtime": 8.5,
    }  # fmt: skip
    counts = [values["deliveries"][name] for name in ("attempts", "successes", "failures", "deferrals")]
    assert counts == [3, 1, 1, 1]
    assert (values["first"], values["last"], values["other_lines"]) == (1.0, 9.5, 1)
    assert values["failures"] == [{"reason": "no/".rstrip("/"), "deliveries": 1, "seconds": 7.0}]
    assert values["hosts"][0] == {"host": "far.example", "bytes": 100, "ended": 1, "tries": 2, "seconds": 8.0}
    assert [row["recipient"] for row in values["recipients"]] == ["remote.a@far.example", "local.b"]
    assert values["senders"][0]["sender"] == "<joe@x.example>" and values["uids"][0]["uid"] == "1000"
    assert values["notices"] == {"count": 1, "last": ["9.0 warning: trouble"]}
    assert values["timeline"]["steps"] == [
        [4, 0, 1, 0],
        *([at, 0, 0, 0] for at in (5, 6, 7)),
        [8, 1, 0, 0],
        [9, 0, 0, 1],
    ]


def test_tables_show_the_largest_rows_only() -> None:
    summary = Summary()
    for number in range(50):
        for _ in range(number + 1):
            summary.take(delivery(recipient=b"remote.u@h%d.example" % number))
    values = summary.values(2, 0)
    assert [row["host"] for row in values["hosts"]] == ["h49.example", "h48.example"]
    assert [row["percent"] for row in values["delays"]] == [1, 5, 10, 25, 50, 75, 90, 95, 99, 100]


@pytest.mark.parametrize(
    ("reason", "same"),
    [
        (b"192.0.2.1_does_not_like_recipient./Remote_host_said:_550_x/", b"host_does_not_like_recipient._550"),
        (b"[2001:db8::1]_does_not_like_recipient./Remote_host_said:_250_x/", b"host_does_not_like_recipient."),
        (b"did_1+0+0/qp_5/", b"did_1+0+0"),
        (b"", b""),
        (b"x" * 500, b"x" * 100),
    ],
)
def test_reasons_that_differ_in_addresses_are_one(reason: bytes, same: bytes) -> None:
    assert gist(reason) == same


@given(st.lists(st.tuples(st.integers(0, 1 << 33), st.sampled_from([SUCCESS, DEFERRAL, FAILURE])), max_size=60))
def test_no_delivery_is_lost_between_steps(ended: list[tuple[int, bytes]]) -> None:
    timeline = Timeline()
    for instant, kind in ended:
        timeline.add(instant, kind)
    length, steps = timeline.steps()
    assert len(steps) <= 61
    for place, kind in enumerate((SUCCESS, DEFERRAL, FAILURE), 1):
        assert sum(step[place] for step in steps) == sum(other == kind for _, other in ended)
    starts = [step[0] for step in steps]
    assert starts == [starts[0] + length * place for place in range(len(steps))] if starts else not ended
    assert all(starts[0] <= instant < starts[-1] + length for instant, _ in ended)


def test_a_long_time_takes_bounded_room() -> None:
    timeline = Timeline()
    for number in range(40_000):
        timeline.add(number * 977, SUCCESS)
    length, steps = timeline.steps()
    assert sum(step[1] for step in steps) == 40_000 and length >= 600_000
    assert len(timeline._counts) <= 8192


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300))
def test_the_distribution_ends_with_everything(delays: list[float]) -> None:
    rows = distribution(delays)
    assert [row[2] for row in rows] == sorted({row[2] for row in rows}) and rows[-1][2] == 100
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert rows[-1][1] == pytest.approx(sum(delays) / len(delays))


@given(st.floats(0, 1e9))
def test_an_axis_ends_above_the_highest_value(value: float) -> None:
    assert value <= ceiling(value) <= max(2.5 * value, 1)


def parsed(text: str) -> ElementTree.Element:
    """The page as XML, which it is but for the first line and two empty elements."""
    body = text.removeprefix("<!DOCTYPE html>\n").replace('<meta charset="utf-8">', "")
    return ElementTree.fromstring(body.replace('<meta name="viewport" content="width=device-width">', ""))


@pytest.mark.parametrize("kind", [SUCCESS, DEFERRAL, FAILURE])
def test_what_others_wrote_is_only_text_in_the_page(kind: bytes) -> None:
    nasty = NASTY.replace(b" ", b"_")
    values = told(
        delivery(kind, 5, b"remote." + nasty, nasty)._replace(sender=nasty, uid=nasty),
        Message(b"1.0", b"9.5", b"100", b"1", b"0", b"0", nasty, b"7", nasty),
        b"5.0 alert: " + nasty,
    )
    text = page(values, 0)
    root = parsed(text)
    assert [element.tag for element in root.iter() if element.tag in ("script", "img", "link", "iframe")] == []
    assert "http" not in text and "\x1b" not in text and "alert(1)" in "".join(root.itertext())
    assert len([element for element in root.iter() if element.tag == "svg"]) >= 3


def test_every_plot_has_a_name_and_its_values() -> None:
    values = told(delivery(), delivery(DEFERRAL), delivery(FAILURE), delivery(SUCCESS, 900),
                  Message(b"1.0", b"9.5", b"100", b"1", b"0", b"0", b"<>", b"7", b"0"))  # fmt: skip
    root = parsed(page(values, 0))
    plots = list(root.iter("svg"))
    assert [plot.get("aria-label") for plot in plots] == [
        "Deliveries over time", "How soon successful deliveries had happened", "Failures by reason",
        "Deferrals by reason", "Hosts with the most attempts", "Senders with the most messages",
    ]  # fmt: skip
    assert all(next(plot.iter("title")).text for plot in plots)
    for box in root.iter("rect"):
        assert float(box.get("width") or 0) > 0 and float(box.get("height") or 0) > 0


def test_an_empty_log_makes_a_page_and_a_sentence() -> None:
    values = told()
    assert tables(values) == "0 lines, and none of them says with a time what became of a message\n"
    assert "No line of the log says with a time" in page(values, 0)
    assert json.loads(json.dumps(values))["first"] is None


def test_the_terminal_shows_the_same() -> None:
    values = told(delivery(), delivery(DEFERRAL, 4, reason=b"not_now/"), b"5.0 warning: w")
    text = tables(values)
    for words in ("deliveries                2", "successes               1  50.0 %", "not now", "far.example",
                  "Warnings and alerts: 1, the last of them:\n\n5.0 warning: w\n", "within 3.0 s"):  # fmt: skip
        assert words in text
    assert "\n\n\n" not in text and not any(line != line.rstrip() for line in text.splitlines())


def test_instants_beyond_the_calendar_are_shown_as_unknown() -> None:
    values = told(delivery()._replace(end=b"9" * 20 + b".0"))
    assert "? UTC" in tables(values) and "? UTC" in page(values, 0)


@given(st.text())
def test_escaped_text_has_no_markup(text: str) -> None:
    assert not set(escaped(text)) & set('<>"') and ElementTree.fromstring(f"<a>{escaped(text)}</a>") is not None
