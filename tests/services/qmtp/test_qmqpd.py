"""The QMQP service: closed, but for those who are trusted with everything."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.package_service import MESSAGE, PackageHouse, request

FAR = b"x@far.example"


@pytest.mark.parametrize(
    ("name", "text", "may"),
    [
        ("tcprules.qmqp", "127.0.0.1:allow\n", True),
        ("tcprules.qmqp", ":allow\n", True),
        ("tcprules.qmqp", "192.0.2.1:allow\n", False),
        ("tcprules.qmqp", "127.:deny\n:allow\n", False),
        ("tcprules", "127.:allow\n", False),  # who may talk SMTP to us may not use us
        ("tcprules", ":allow\n", False),
        ("tcprules", '127.:allow,RELAYCLIENT=""\n', True),
        ("tcprules.smtp", '127.:allow,RELAYCLIENT=""\n', False),
        (None, "", False),
    ],
)
def test_only_those_may_come_in_whom_a_rule_allows(tmp_path: Path, name: str | None, text: str, may: bool) -> None:
    if name is not None:
        (tmp_path / name).write_text(text)
    house = PackageHouse("qmqp", rules={"directory": str(tmp_path)})
    if may:
        assert b":Kok" in house.connect().send(request(FAR))
    else:
        assert house.knock() is None
        (line,) = house.lines
        assert line.startswith(b"qmqp: 127.0.0.1 turned away: ")


def test_who_may_write_to_the_socket_may_queue_whatever_the_rules_say(tmp_path: Path) -> None:
    (tmp_path / "tcprules.qmqp").write_text(":deny\n")
    house = PackageHouse("qmqp", rules={"directory": str(tmp_path)})
    assert b":Kok" in house.connect("/run/qmqp").send(request(FAR))
    (draft,) = house.intake.queued
    assert draft.envelope == (b"joe@example.com", (FAR,))
    assert draft.data.endswith(MESSAGE) and b"with QMQP;" in draft.data


def test_nothing_is_checked_but_what_an_address_can_be() -> None:
    house = PackageHouse("qmqp", badmailfrom=frozenset([b"joe@example.com"]), databytes=1, is_rcptcheck=True)
    assert b":Kok" in house.connect("/run/qmqp").send(request(*[b"x%d@far.example" % n for n in range(5000)]))
    answer = house.connect("/run/qmqp").send(request(b"a\0b"))
    assert answer == b"51:Dsorry, I can't accept addresses like that (#5.1.3),"
    assert house.lines[-1] == b"qmqp 2: unix refused the message: Dsorry, I can't accept addresses like that (#5.1.3)"
    assert len(house.intake.queued) == 1 and house.intake.drafts[1].is_abandoned


def test_a_message_without_recipients_is_taken() -> None:
    house = PackageHouse("qmqp")
    assert b":Kok" in house.connect("/run/qmqp").send(request())
    assert house.intake.queued[0].envelope == (b"joe@example.com", ())


def test_a_rule_may_limit_the_size(tmp_path: Path) -> None:
    (tmp_path / "tcprules.qmqp").write_text('127.:allow,DATABYTES="10"\n')
    house = PackageHouse("qmqp", rules={"directory": str(tmp_path)})
    assert house.connect().send(request(FAR)).startswith(b"61:Dsorry, that message size exceeds")


def test_what_comes_after_the_request_interests_nobody() -> None:
    house = PackageHouse("qmqp")
    client = house.connect("/run/qmqp")
    assert client.send(request(FAR) + b"xxx").count(b"Kok") == 1 and client.is_closed
