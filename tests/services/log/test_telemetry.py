"""Facts become lines: as qmail words them, or as objects."""

from __future__ import annotations

import json

from qmtwist.logbook.facts import Bounced, DeliveryStarted, Exiting, MessageInfo, Status
from qmtwist.services.log.telemetry import Telemetry


def test_facts_are_worded_as_qmail_does() -> None:
    lines: list[bytes] = []
    telemetry = Telemetry(lines.append, False, lambda: 0.0)
    telemetry.fact(Status(1, 10, 0, 20, False))
    telemetry.line(b"smtpd: hello")
    telemetry.notice("warning", "trouble")
    telemetry.notice("", "remark")
    telemetry.remark("alert", "more")
    assert lines == [
        b"status: local 1/10 remote 0/20",
        b"smtpd: hello",
        b"warning: trouble",
        b"remark",
        b"alert: more",
    ]


def test_remarks_go_aside_where_only_qmails_own_lines_are_wanted() -> None:
    lines: list[bytes] = []
    aside: list[bytes] = []
    telemetry = Telemetry(lines.append, False, lambda: 0.0, aside.append)
    telemetry.remark("warning", "not qmail's")
    telemetry.notice("warning", "qmail's")
    assert (lines, aside) == ([b"warning: qmail's"], [b"warning: not qmail's"])


def test_json_is_one_object_a_line_whatever_the_bytes() -> None:
    lines: list[bytes] = []
    telemetry = Telemetry(lines.append, True, lambda: 12.3456789)
    telemetry.fact(MessageInfo(7, 100, b"a\n\xff@x", 8, 1000))
    telemetry.fact(DeliveryStarted(1, 7, "local", b"b@x"))
    telemetry.fact(Bounced(7, 9))
    telemetry.fact(Exiting())
    telemetry.line(b"other\xfe")
    assert not any(b"\n" in line for line in lines)
    assert [json.loads(line) for line in lines] == [
        {"time": 12.345679, "event": "MessageInfo", "number": 7, "size": 100, "sender": "a\n\\xff@x", "qp": 8,
         "uid": 1000},
        {"time": 12.345679, "event": "DeliveryStarted", "delivery": 1, "number": 7, "channel": "local",
         "recipient": "b@x"},
        {"time": 12.345679, "event": "Bounced", "number": 7, "qp": 9},
        {"time": 12.345679, "event": "Exiting"},
        {"time": 12.345679, "event": "Line", "text": "other\\xfe"},
    ]  # fmt: skip
