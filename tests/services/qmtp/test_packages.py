"""What the QMTP and QMQP services share: time, back-pressure, broken streams, ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.errors import Permanent, Temporary
from qmtwist.services.qmtp.clerk import REFUSAL_LINES
from qmtwist.services.qmtp.packages import FIRST_S, SESSION_S
from tests.support.package_service import MESSAGE, PackageHouse, package, request

HERE = b"ann@example.org"
LETTER = package(HERE)


def closed(house: PackageHouse) -> list[bytes]:
    """The lines about ends of sessions."""
    return [line for line in house.lines if b" closed: " in line]


# -- the stream


@given(st.lists(st.integers(0, len(2 * LETTER)), max_size=12))
def test_where_the_stream_is_cut_never_matters(places: list[int]) -> None:
    house, stream = PackageHouse(), LETTER + package(HERE, newline=b"\r", message=b"a\r\n\rb\r\r\n")
    client = house.connect()
    ends = [*sorted(place for place in places if place < len(stream)), len(stream)]
    answers = b"".join(client.send(stream[start:end]) for start, end in zip([0, *ends], ends, strict=False))
    assert [draft.body for draft in house.intake.queued] == [MESSAGE, b"a\n\rb\r\n"]
    assert answers.count(b":Kok 1795238029 qp 1000000000") == 2


BROKEN = {
    "no number": b"x",
    "no newline byte": b"0:,",
    "another newline byte": b"2:xy,",
    "no comma": b"2:\nxx",
    "a length beyond everything": b"9" * 12,
    "a recipient longer than its list": b"2:\nx,3:a@b,5:9:abc,",
    "no comma after the list": LETTER[:-1] + b"x",
}


@pytest.mark.parametrize("stream", BROKEN.values(), ids=BROKEN)
def test_a_malformed_stream_ends_in_a_closed_connection_and_one_line(stream: bytes) -> None:
    house = PackageHouse()
    client = house.connect()
    assert client.send(stream) == b""
    assert client.is_closed
    client.lose()
    assert [line[:48] for line in house.lines] == [b"qmtp 1: 127.0.0.1:50321 closed: protocol violati"]
    assert not house.intake.queued and all(draft.is_abandoned for draft in house.intake.drafts)


@given(st.binary(max_size=60))
def test_whatever_comes_nothing_is_queued_that_was_not_complete(garbage: bytes) -> None:
    house = PackageHouse("qmqp", rules=None)
    client = house.connect("/run/qmqp")
    client.send(garbage)
    client.lose()
    for draft in house.intake.drafts:
        assert draft.is_abandoned != (draft.envelope is not None)
    assert not [line for line in house.lines if b"bug" in line]


def test_a_client_lost_in_the_middle_leaves_nothing_behind() -> None:
    house = PackageHouse()
    client = house.connect()
    client.send(LETTER + LETTER[:-10])
    client.lose()
    first, second = house.intake.drafts
    assert first.envelope is not None and second.is_abandoned
    assert closed(house) == [
        b"qmtp 1: 127.0.0.1:50321 closed: the client closed the connection in the middle of a message, 1 accepted"
    ]


def test_a_client_lost_before_the_disk_has_spoken_has_its_message_queued_and_logged() -> None:
    house = PackageHouse()
    house.intake.is_holding = True
    client = house.connect()
    client.send(LETTER)
    client.lose()
    house.intake.drafts[0].settle()
    assert [line.split(b" ")[3] for line in house.lines] == [b"closed:", b"accepted"]


def test_packages_that_came_together_are_answered_in_order_even_when_the_disk_is_slow() -> None:
    house = PackageHouse()
    house.intake.is_holding = True
    client = house.connect()
    assert client.send(LETTER + package(b"x@far.example", HERE) + LETTER) == b""
    assert client.is_paused and len(house.intake.drafts) == 1
    house.intake.drafts[0].settle()
    house.intake.drafts[1].settle()
    house.intake.drafts[2].settle()
    said = client.said()
    assert said.index(b"qp 10000000000,") < said.index(b":Dsorry") < said.index(b"qp 10000000001,")
    assert said.index(b"qp 10000000001,") < said.index(b"qp 10000000002,")
    assert not client.is_paused


def test_a_slow_disk_stops_the_reading() -> None:
    house = PackageHouse()
    client = house.connect()
    house.intake.is_slow = True
    client.send(b"1000:\n" + b"x" * 100)
    assert client.is_paused
    house.intake.is_slow = False
    house.intake.drafts[0].on_drain()
    assert not client.is_paused
    assert b":Kok" in client.send(b"x" * 899 + b"," + LETTER[LETTER.index(b"15:") :])


def test_who_does_not_read_his_answers_is_not_read() -> None:
    house = PackageHouse()
    client = house.connect()
    client.protocol.pauseProducing()
    client.protocol.dataReceived(LETTER)
    assert client.is_paused and not house.intake.drafts
    client.protocol.resumeProducing()
    assert house.intake.queued and not client.is_paused


def test_a_client_that_ends_its_side_gets_its_answers() -> None:
    house = PackageHouse()
    client = house.connect()
    client.protocol.dataReceived(LETTER)
    client.protocol.readConnectionLost()
    assert b":Kok" in client.said() and client.is_closed


# -- the queue


def test_what_the_queue_refuses_is_answered_with_its_text() -> None:
    house = PackageHouse()
    house.intake.commit_error = Permanent("mail server permanently rejected message", "5.3.0")
    assert house.connect().send(LETTER) == b"50:Dmail server permanently rejected message (#5.3.0),"
    house.intake.commit_error, house.intake.open_error = None, Temporary("disk full", "4.3.1")
    assert house.connect().send(LETTER) == b"19:Zdisk full (#4.3.1),"
    assert [line.split(b" refused ")[1] for line in house.lines] == [
        b"the message: Dmail server permanently rejected message (#5.3.0)",
        b"the message: Zdisk full (#4.3.1)",
    ]


def test_a_bug_ends_one_session_and_nothing_is_acknowledged() -> None:
    house = PackageHouse()
    house.intake.bug = RuntimeError("a bug")
    client = house.connect()
    assert client.send(LETTER) == b"" and client.is_closed
    assert any(b"RuntimeError: a bug" in line for line in house.lines)
    house.intake.bug = None
    assert b":Kok" in house.connect().send(LETTER)


def test_the_received_field_names_the_protocol_and_nobody_who_greeted() -> None:
    house = PackageHouse()
    house.connect().send(LETTER)
    assert house.intake.drafts[0].data.startswith(
        b"Received: from unknown (127.0.0.1)\n  by mail.example.org with QMTP; 21 Nov 2026"
    )


# -- time


def test_a_client_that_says_nothing_is_hung_up_on() -> None:
    house = PackageHouse()
    client = house.connect()
    house.pass_time(FIRST_S + 6)
    assert client.is_closed
    assert closed(house) == [b"qmtp 1: 127.0.0.1:50321 closed: timeout, 0 accepted"]


def test_a_client_that_goes_silent_has_its_own_time() -> None:
    house = PackageHouse()
    client = house.connect()
    client.send(LETTER)
    house.pass_time(590)
    assert not client.is_closed
    house.pass_time(16)
    assert client.is_closed


def test_a_message_that_drips_is_cut_off_and_one_that_flows_is_not() -> None:
    house = PackageHouse()
    slow, fast = house.connect(), house.connect()
    for client in (slow, fast):
        client.send(b"100000000:\n")
    for _ in range(70):
        slow.send(b"x")
        fast.send(b"x" * 100)
        house.pass_time(5)
    assert slow.is_closed and not fast.is_closed


def test_a_disk_that_takes_its_time_is_not_the_clients_fault() -> None:
    house = PackageHouse()
    house.intake.is_holding = True
    client = house.connect()
    client.send(LETTER)
    house.pass_time(2000, 5)
    house.intake.drafts[0].settle()
    assert b":Kok" in client.said() and not client.is_closed


def test_after_an_hour_no_message_begins_but_one_that_has_begun_may_end() -> None:
    house = PackageHouse()
    idle, busy = house.connect(), house.connect()
    busy.send(b"10000000:\n")
    for _ in range(SESSION_S // 60 + 1):
        if not idle.is_closed:
            idle.send(LETTER)
        busy.send(b"x" * 1000)
        house.pass_time(60, 5)
    assert idle.is_closed and not busy.is_closed
    assert closed(house) == [b"qmtp 1: 127.0.0.1:50321 closed: an hour is over, 60 accepted"]


# -- who may come in


def test_connections_of_an_address_are_counted() -> None:
    house = PackageHouse(packages={"concurrencyperip": 2})
    first, second = house.connect(), house.connect()
    assert not isinstance(house.knock(), type(first.protocol))
    assert house.lines == [b"qmtp: 127.0.0.1 turned away: too many connections of this address"]
    second.lose()
    assert house.connect()


def test_a_stop_lets_messages_end_and_nobody_begin() -> None:
    house = PackageHouse()
    idle, busy = house.connect(), house.connect()
    busy.send(LETTER[:20])
    drained: list[object] = []
    house.service.drain(10).addCallback(drained.append)
    assert idle.is_closed and not busy.is_closed
    assert b":Kok" in busy.send(LETTER[20:]) and busy.is_closed
    idle.lose()
    assert not drained
    busy.lose()
    assert drained


def test_a_stop_does_not_wait_for_ever() -> None:
    house = PackageHouse()
    busy = house.connect()
    busy.send(LETTER[:20])
    house.service.drain(10)
    house.pass_time(11)
    assert busy.is_closed and house.intake.drafts[0].is_abandoned


def test_refusals_of_a_session_are_not_logged_without_end() -> None:
    house = PackageHouse()
    client = house.connect()
    client.send(package(*[b"x@far.example"] * (REFUSAL_LINES + 5)))
    client.lose()
    assert len(house.lines) == REFUSAL_LINES + 1
    assert house.lines[-1].endswith(b"closed: the client closed the connection, 0 accepted, 5 refusals not shown")


def test_a_request_of_qmqp_has_one_line() -> None:
    house = PackageHouse("qmqp")
    client = house.connect("/run/qmqp")
    assert b":Kok" in client.send(request(HERE, b"bob@far.example")) and client.is_closed
    client.lose()
    assert house.lines == [b"qmqp 1: unix accepted 10000000000 from <joe@example.com> for 2, 28 bytes"]


# -- a handshake that lasts (real ones are in test_intls.py)


def test_a_handshake_that_does_not_end_is_hung_up_on() -> None:
    house = PackageHouse("qmtps")
    client = house.connect()
    house.pass_time(FIRST_S + 6)
    assert client.is_closed
    client.lose()
    assert house.lines == [b"qmtps 1: 127.0.0.1:50321 closed: no TLS: timed out, 0 accepted"]


def test_a_client_that_goes_in_the_handshake_is_one_line() -> None:
    house = PackageHouse("qmtps")
    house.connect().lose()
    assert house.lines == [b"qmtps 1: 127.0.0.1:50321 closed: no TLS: the other side closed the connection, 0 accepted"]


def test_a_stop_does_not_wait_for_handshakes() -> None:
    house = PackageHouse("qmtps")
    client, drained = house.connect(), []
    house.service.drain(10).addCallback(drained.append)
    assert client.is_closed
    client.lose()
    assert drained


def test_after_the_handshake_the_key_counts() -> None:
    house = PackageHouse("qmtps", packages={"tlsclients": {b"f00d": b"laptop"}})
    house.tls.key = b"f00d"
    client = house.connect()
    client.protocol.handshakeCompleted()
    assert b":Kok" in client.send(package(b"x@far.example"))
    assert house.lines[0].startswith(b"qmtps 1: 127.0.0.1:50321 laptop accepted ")
