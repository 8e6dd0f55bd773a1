"""The QMTP service: who may deliver what to whom."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import Deferred

from qmtwist.wire.smtp.server import HOP_LIMIT
from tests.support.package_service import MESSAGE, PackageHouse, package

HERE = b"ann@example.org"
NO_RELAY = b"66:Dsorry, that domain isn't in my list of allowed rcpthosts (#5.7.1),"
TOO_BIG = b"61:Dsorry, that message size exceeds my databytes limit (#5.3.4),"
BAD_SENDER = b"Dsorry, your envelope sender is in my badmailfrom list (#5.7.1)"


def rules(directory: Path, text: str, service: str = "") -> dict[str, object]:
    """Access rules in a directory."""
    (directory / f"tcprules{service}").write_text(text)
    return {"directory": str(directory)}


def test_each_recipient_has_its_own_answer() -> None:
    house = PackageHouse()
    said = house.connect().send(package(HERE, b"x@far.example", b"bob@mail.example.org"))
    ok = b"33:Kok 1795238029 qp 10000000000,"
    assert said == ok.replace(b"33", b"%d" % (len(ok) - 4)) + NO_RELAY + ok.replace(b"33", b"%d" % (len(ok) - 4))
    (draft,) = house.intake.queued
    assert draft.envelope == (b"joe@example.com", (HERE, b"bob@mail.example.org")) and draft.body == MESSAGE


def test_when_no_recipient_is_left_nothing_is_queued() -> None:
    house = PackageHouse()
    assert house.connect().send(package(b"x@far.example", b"y@far.example")) == 2 * NO_RELAY
    assert not house.intake.queued and house.intake.drafts[0].is_abandoned


def test_a_rule_lets_a_client_relay_and_appends_what_it_says(tmp_path: Path) -> None:
    access = rules(tmp_path, '192.0.2.:allow,RELAYCLIENT="@hub.example"\n:allow\n')
    house = PackageHouse(rules=access)
    assert house.connect().send(package(b"x@far.example")) == NO_RELAY
    house.connect("192.0.2.7").send(package(b"x@far.example"))
    assert house.intake.queued[0].envelope == (b"joe@example.com", (b"x@far.example@hub.example",))


def test_the_services_own_rules_come_before_the_common_ones(tmp_path: Path) -> None:
    rules(tmp_path, ":deny\n")
    house = PackageHouse(rules=rules(tmp_path, ":allow\n", ".qmtp"))
    assert b":Kok" in house.connect().send(package(HERE))


def test_who_is_denied_gets_no_session_and_a_line_says_by_what(tmp_path: Path) -> None:
    house = PackageHouse(rules=rules(tmp_path, "192.0.2.:deny\n"))
    assert house.knock("192.0.2.7") is None
    assert house.lines == [b"qmtp: 192.0.2.7 turned away: denied by control/tcprules:1"]


def test_a_sender_that_is_not_wanted_is_told_to_every_recipient_and_logged_once() -> None:
    house = PackageHouse(badmailfrom=frozenset([b"@example.com"]))
    answer = b"%d:%s," % (len(BAD_SENDER), BAD_SENDER)
    assert house.connect().send(package(HERE, b"bob@example.org")) == 2 * answer
    assert not house.intake.queued
    assert house.lines == [b"qmtp 1: 127.0.0.1:50321 refused <joe@example.com>: " + BAD_SENDER]


def test_a_message_that_loops_is_refused() -> None:
    house = PackageHouse()
    looping = b"Received: by somebody\n" * HOP_LIMIT + b"\nhi\n"
    said = house.connect().send(package(HERE, message=looping))
    assert said == b"50:Dtoo many hops, this message is looping (#5.4.6),".replace(b"50", b"%d" % (len(said) - 4))
    assert b":Kok" in house.connect().send(package(HERE, message=looping[22:]))


def test_databytes_holds_in_both_newline_conventions_and_a_rule_may_change_it(tmp_path: Path) -> None:
    access = rules(tmp_path, '192.0.2.:allow,DATABYTES="0"\n')
    house = PackageHouse(databytes=20, rules=access)
    assert house.connect().send(package(HERE)) == TOO_BIG
    assert house.connect().send(package(HERE, newline=b"\r")) == TOO_BIG
    assert not house.intake.queued and len(house.lines) == 2
    assert b":Kok" in house.connect("192.0.2.7").send(package(HERE))


def test_a_recipient_without_a_mailbox_is_refused_and_one_that_nobody_knows_is_not() -> None:
    house = PackageHouse(is_rcptcheck=True)
    later: Deferred[bool | None] = Deferred()
    house.check.answers = {HERE: False, b"bob@example.org": later, b"eve@example.org": None}
    client = house.connect()
    assert client.send(package(HERE, b"bob@example.org", b"eve@example.org")) == b""
    house.pass_time(1000)  # whoever is asked may take his time
    later.callback(False)
    answers = client.said().split(b",")
    assert [answer.split(b":")[1][:4] for answer in answers if b":" in answer] == [b"Dsor", b"Dsor", b"Kok "]
    assert house.intake.queued[0].envelope == (b"joe@example.com", (b"eve@example.org",))


def test_a_check_that_comes_when_the_client_has_gone_is_for_nobody() -> None:
    house = PackageHouse(is_rcptcheck=True)
    later: Deferred[bool | None] = Deferred()
    house.check.answers = {HERE: later}
    client = house.connect()
    client.send(package(HERE))
    client.lose()
    later.callback(True)
    assert house.intake.drafts[0].is_abandoned and not [line for line in house.lines if b"bug" in line]


def test_too_many_messages_in_an_hour_are_refused_for_now(tmp_path: Path) -> None:
    house = PackageHouse(rules={"directory": str(tmp_path), "messages_per_hour": 2})
    client = house.connect()
    answers = [client.send(package(HERE))[:6] for _ in range(3)]
    assert [answer.partition(b":")[2][:2] for answer in answers] == [b"Ko", b"Ko", b"Zt"]


def test_a_program_of_a_rule_queues_and_knows_the_client(tmp_path: Path) -> None:
    house = PackageHouse(rules=rules(tmp_path, '127.:allow,QMAILQUEUE="/bin/filter"\n'))
    house.connect().send(package(HERE))
    origin = house.intake.drafts[0].origin
    assert origin.program == b"/bin/filter"
    assert origin.environment[b"TCPREMOTEIP"] == b"127.0.0.1"
