"""services/smtp/smtpd.py: how long it waits for whom, bugs, and the end."""

from __future__ import annotations

from tests.support.fake_intake import FakeDraft
from tests.support.smtp_service import SmtpHouse

MAIL = b"MAIL FROM:<a@example.com>\r\n"
RCPT = b"RCPT TO:<u@example.org>\r\n"
OPENING = MAIL + RCPT + b"DATA\r\n"
BODY = b"Subject: hello\r\n\r\nbody\r\n.\r\n"
PEER = b"smtp 1: 127.0.0.1:50321 "


# -- patience


def test_an_idle_client_is_told_and_closed() -> None:
    house = SmtpHouse()
    client = house.connect()
    client.send(b"HELO x\r\n")
    house.pass_time(1195, 5)
    assert not client.is_closed
    house.pass_time(10, 5)
    assert client.said() == b"451 timeout (#4.4.2)\r\n"
    assert client.is_closed
    assert house.lines == [PEER + b"closed: timeout, 0 accepted"]


def test_a_client_that_never_said_anything_waits_a_minute_only() -> None:
    house = SmtpHouse()
    client = house.connect()
    house.pass_time(70, 5)
    assert client.said() == b"451 timeout (#4.4.2)\r\n"


def test_pieces_of_a_command_do_not_keep_a_session_alive() -> None:
    house = SmtpHouse(timeout_s=100)
    client = house.connect()
    client.send(b"HELO x\r\n")
    for _ in range(60):
        if not client.is_closed:
            client.send(b"x")
        house.pass_time(2)
    assert client.is_closed


def test_a_message_that_drips_ends_and_a_slow_one_does_not() -> None:
    house = SmtpHouse(timeout_s=100)
    dripping, slow = house.connect(), house.connect()
    for client in (dripping, slow):
        client.send(OPENING)
    for _ in range(100):
        if not dripping.is_closed:
            dripping.send(b"x")
        slow.send(b"x" * 200)
        house.pass_time(10, 10)
    assert dripping.is_closed and not slow.is_closed
    assert slow.codes(b"\r\n.\r\n") == [250]


def test_errors_are_answered_ever_more_slowly() -> None:
    house = SmtpHouse()
    client = house.connect()
    assert client.codes(b"FOO\r\n" * 7 + b"NOOP\r\n") == [502] * 5
    house.pass_time(1)
    assert client.codes() == [502]
    house.pass_time(1)
    assert client.codes() == []
    house.pass_time(1)
    assert client.codes() == [502, 250]
    client.send(b"FOO\r\n")
    client.lose()
    assert house.clock.getDelayedCalls() == []


def test_a_client_that_reads_no_replies_is_not_read_either() -> None:
    house = SmtpHouse()
    client = house.connect()
    client.protocol.pauseProducing()  # as the transport does when more than 64 KB wait
    assert client.is_paused
    client.protocol.dataReceived(b"NOOP\r\n")
    assert client.said() == b""
    client.protocol.resumeProducing()
    assert client.said() == b"250 ok\r\n" and not client.is_paused
    client.protocol.pauseProducing()
    house.pass_time(1300, 10)
    assert client.is_closed


def test_a_client_that_does_not_read_our_last_words_is_cut_off() -> None:
    house = SmtpHouse()
    client = house.connect()
    client.send(b"QUIT\r\n")
    house.pass_time(70, 5)
    assert client.transport.disconnected


def test_when_the_last_session_is_gone_no_timer_is_left() -> None:
    house = SmtpHouse()
    first, second = house.connect(), house.connect()
    house.pass_time(20)
    assert len(house.clock.getDelayedCalls()) == 1
    first.lose()
    second.lose()
    assert house.clock.getDelayedCalls() == []


# -- bugs, and the end


def test_a_bug_ends_one_session_with_451_and_is_in_the_log() -> None:
    house = SmtpHouse()
    house.intake.bug = ZeroDivisionError("a bug")
    client, other = house.connect(), house.connect(port=2)
    assert client.codes(OPENING) == [250, 250, 451]
    assert client.is_closed and house.intake.drafts[0].is_abandoned
    assert any(b"bug: ZeroDivisionError: a bug" in line for line in house.lines)
    assert other.codes(b"NOOP\r\n") == [250]


def test_a_bug_in_giving_up_a_message_closes_all_the_same() -> None:
    class Stubborn(FakeDraft):
        def abandon(self) -> None:
            raise ZeroDivisionError("another bug")

    house = SmtpHouse()
    client = house.connect()
    client.send(OPENING)
    house.intake.drafts[0].__class__ = Stubborn
    house.intake.bug = ZeroDivisionError("a bug")
    assert client.codes(b"x" * 100) == [451]
    assert client.is_closed


def test_a_stop_waits_for_the_message_that_is_coming_in() -> None:
    house = SmtpHouse()
    idle, busy = house.connect(), house.connect(port=2)
    busy.send(OPENING)
    done: list[None] = []
    house.factory.drain(30).addCallback(done.append)
    assert idle.said() == b"421 sorry, this server is stopping; try again later (#4.3.2)\r\n"
    assert idle.is_closed and not busy.is_closed
    idle.lose()
    assert busy.codes(BODY) == [250, 421]
    assert busy.is_closed and not done
    busy.lose()
    assert done == [None]
    house.factory.drain(30).addCallback(done.append)
    assert done == [None, None]


def test_a_stop_cuts_off_what_takes_too_long() -> None:
    house = SmtpHouse()
    client = house.connect()
    client.send(OPENING)
    house.factory.drain(30)
    house.pass_time(29)
    assert not client.is_closed
    house.pass_time(2)
    assert client.is_closed
    client.lose()
    assert house.intake.drafts[0].is_abandoned and house.clock.getDelayedCalls() == []
