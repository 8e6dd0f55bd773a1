"""Log lines to the letter."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.logbook import facts
from qmtwist.logbook.lines import safe, word

LINES = [
    (facts.NewMessage(4223), b"new msg 4223"),
    (
        facts.MessageInfo(4223, 1234, b"ann@x.example", 77, 1000),
        b"info msg 4223: bytes 1234 from <ann@x.example> qp 77 uid 1000",
    ),
    (facts.MessageInfo(1, 2, b"", 3, 4), b"info msg 1: bytes 2 from <> qp 3 uid 4"),
    (
        facts.MessageInfo(1, 2, b"an n%x\t\xe9@h", 3, 4),
        b"info msg 1: bytes 2 from <an_n_x__@h> qp 3 uid 4",
    ),
    (facts.DeliveryStarted(7, 4223, "local", b"a b%c@h"), b"starting delivery 7: msg 4223 to local a_b_c@h"),
    (facts.DeliveryStarted(8, 4223, "remote", b"x@y"), b"starting delivery 8: msg 4223 to remote x@y"),
    (facts.DeliveryEnded(7, "success", b"did 1+0+0\n"), b"delivery 7: success: did_1+0+0/"),
    (facts.DeliveryEnded(7, "failure", b"no\n\nno"), b"delivery 7: failure: no//no"),
    (facts.DeliveryEnded(7, "deferral", b""), b"delivery 7: deferral: "),
    (facts.ReportMangled(9), b"delivery 9: report mangled, will defer"),
    (facts.Status(1, 10, 2, 20, False), b"status: local 1/10 remote 2/20"),
    (facts.Status(0, 10, 0, 20, True), b"status: local 0/10 remote 0/20 exitasap"),
    (facts.Bounced(4223, 99), b"bounce msg 4223 qp 99"),
    (facts.TripleBounce(4223), b"triple bounce: discarding bounce/4223"),
    (facts.MessageEnded(4223), b"end msg 4223"),
    (facts.Notice("warning", "unable to stat mess/1/1"), b"warning: unable to stat mess/1/1"),
    (facts.Notice("alert", "two\nlines"), b"alert: two/lines"),
    (facts.Notice("", "control: me changed"), b"control: me changed"),
    (facts.Notice("alert", "caf\udce9"), b"alert: caf\\udce9"),
    (facts.Exiting(), b"status: exiting"),
]


@pytest.mark.parametrize(("fact", "line"), LINES)
def test_a_fact_is_worded_to_the_letter(fact: facts.Fact, line: bytes) -> None:
    assert word(fact) == line


def test_every_kind_of_fact_has_its_wording() -> None:
    assert {type(fact) for fact, _ in LINES} == set(get_args(facts.Fact))


@given(st.binary(max_size=40))
def test_foreign_bytes_never_break_a_line(text: bytes) -> None:
    shown = safe(text)
    assert len(shown) == len(text)
    assert all(33 <= byte <= 126 and byte != 0x25 for byte in shown)
    assert shown.count(b"/") == text.count(b"/") + text.count(b"\n")


@given(st.binary(max_size=40), st.text(max_size=20))
def test_no_fact_makes_two_lines(foreign: bytes, text: str) -> None:
    for fact in (
        facts.MessageInfo(1, 2, foreign, 3, 4),
        facts.DeliveryStarted(1, 2, "local", foreign),
        facts.DeliveryEnded(1, "failure", foreign),
        facts.Notice("warning", text),
    ):
        assert b"\n" not in word(fact)
