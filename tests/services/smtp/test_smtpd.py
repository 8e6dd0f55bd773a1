"""services/smtp/smtpd.py and smtpclerk.py: the service, its recipients, its queue and its log."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport

from qmtwist.control.settings import AccessSettings
from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import Permanent, Temporary
from qmtwist.store import cdb
from tests.support.smtp_pump import one_by_one
from tests.support.smtp_service import NOW, SmtpHouse

MAIL = b"MAIL FROM:<a@example.com>\r\n"
RCPT = b"RCPT TO:<u@example.org>\r\n"
OPENING = MAIL + RCPT + b"DATA\r\n"
BODY = b"Subject: hello\r\n\r\nbody\r\n.\r\n"
PEER = b"smtp 1: 127.0.0.1:50321 "


def test_a_message_is_queued_and_answered_with_its_number() -> None:
    house = SmtpHouse()
    client = house.connect(is_greeting_read=False)
    assert client.said() == b"220 mail.example.org ESMTP\r\n"
    assert client.send(b"HELO client.example.com\r\n", OPENING, BODY, b"QUIT\r\n") == (
        b"250 mail.example.org\r\n250 ok\r\n250 ok\r\n354 go ahead\r\n"
        b"250 ok %d qp 10000000000\r\n221 mail.example.org\r\n" % NOW
    )
    [draft] = house.intake.queued
    assert draft.envelope == Envelope(b"a@example.com", (b"u@example.org",))
    assert draft.origin[:4] == (b"from network", 1002, None, 0)
    assert draft.data == (
        b"Received: from unknown (HELO client.example.com) (127.0.0.1)\n"
        b"  by mail.example.org with SMTP; 21 Nov 2026 05:13:49 -0000\nSubject: hello\n\nbody\n"
    )
    assert client.is_closed
    assert house.lines == [
        PEER + b"accepted 10000000000 from <a@example.com> for 1, 21 bytes",
        PEER + b"closed: quit, 1 accepted",
    ]


def test_replies_to_one_read_leave_in_one_write() -> None:
    class Counting(StringTransport):
        writes = 0

        def write(self, data: bytes) -> None:
            self.writes += 1
            super().write(data)

    house = SmtpHouse()
    protocol = house.connect().protocol
    protocol.transport = protocol._wire = transport = Counting()
    protocol.dataReceived(OPENING + BODY + OPENING)
    assert transport.writes == 1


@pytest.mark.parametrize("is_cut", [False, True])
def test_a_session_cut_at_every_byte_gives_the_same_replies_and_messages(is_cut: bool) -> None:
    stream = b"EHLO x\r\n" + OPENING + BODY + b"FOO\r\nRCPT\r\n" + OPENING + b"..x\r\n.\r\nQUIT\r\n"
    house = SmtpHouse()
    client = house.connect()
    codes = client.codes(*(one_by_one(stream) if is_cut else [stream]))
    assert codes == [250, 250, 250, 354, 250, 502, 503, 250, 250, 354, 250, 221]
    assert [draft.body for draft in house.intake.queued] == [b"Subject: hello\n\nbody\n", b".x\n"]


# -- recipients


def test_without_rcpthosts_nobody_relays() -> None:
    client = SmtpHouse(rcpthosts=None).connect()
    assert client.codes(MAIL, RCPT, b"RCPT TO:<u@MAIL.example.org>\r\n", b"RCPT TO:<joe>\r\n") == [250, 553, 250, 250]
    assert SmtpHouse(rcpthosts=None, localiphost=None).connect().codes(MAIL, RCPT) == [250, 553]


def test_badmailfrom_is_said_at_rcpt() -> None:
    house = SmtpHouse(badmailfrom=frozenset([b"@bad.test"]))
    assert house.connect().send(b"MAIL FROM:<evil@bad.test>\r\n", RCPT) == (
        b"250 ok\r\n553 sorry, your envelope sender is in my badmailfrom list (#5.7.1)\r\n"
    )
    assert house.lines == [
        PEER + b"refused <u@example.org>: 553 sorry, your envelope sender is in my badmailfrom list (#5.7.1)"
    ]


def test_our_own_address_is_rewritten_for_sender_and_recipient() -> None:
    house = SmtpHouse()
    house.connect().send(b"MAIL FROM:<s@[127.0.0.1]>\r\nRCPT TO:<u@[127.0.0.1]>\r\nDATA\r\n", BODY)
    assert house.intake.queued[0].envelope == Envelope(b"s@mail.example.org", (b"u@mail.example.org",))


def test_a_rule_lets_a_client_relay_and_changes_its_limits(tmp_path: Path) -> None:
    rules = tmp_path / "tcprules"
    rules.write_bytes(b'127.:allow,RELAYCLIENT="@fixme",DATABYTES="30",QMAILQUEUE="bin/scan",TCPREMOTEHOST="h.test"\n')
    house = SmtpHouse(AccessSettings(str(tmp_path)))
    client = house.connect()
    assert client.codes(b"HELO H.Test\r\n", MAIL, b"RCPT TO:<x@far.example>\r\n", b"DATA\r\n", BODY) == [
        250, 250, 250, 354, 250,
    ]  # fmt: skip
    [draft] = house.intake.queued
    assert draft.envelope == Envelope(b"a@example.com", (b"x@far.example@fixme",))
    assert draft.origin.program == b"bin/scan"
    assert draft.data.startswith(b"Received: from h.test (127.0.0.1)\n")
    assert client.codes(OPENING, b"x" * 30 + b"\r\n.\r\n") == [250, 250, 354, 552]
    assert house.connect("192.0.2.1").codes(MAIL, b"RCPT TO:<x@far.example>\r\n") == [250, 553]


def test_a_queue_program_gets_what_tcpserver_would_have_given_it(tmp_path: Path) -> None:
    (tmp_path / "tcprules").write_bytes(b'127.:allow,QMAILQUEUE="bin/scan",QS_SPAM="off",TCPREMOTEINFO="rule"\n')
    house = SmtpHouse(AccessSettings(str(tmp_path)))
    house.connect().codes(b"HELO x\r\n", OPENING)
    assert dict(house.intake.drafts[-1].origin.environment) == {
        b"PROTO": b"TCP", b"TCPREMOTEIP": b"127.0.0.1", b"TCPREMOTEPORT": b"50321", b"TCPREMOTEINFO": b"rule",
        b"TCPLOCALIP": b"10.0.0.1", b"TCPLOCALPORT": b"12345", b"TCPLOCALHOST": b"mail.example.org",
        b"QMAILQUEUE": b"bin/scan", b"QS_SPAM": b"off",
    }  # fmt: skip


def test_badmailfrom_of_a_rule_is_more_of_the_control_file(tmp_path: Path) -> None:
    (tmp_path / "tcprules").write_bytes(b'127.:allow,BADMAILFROM="x@y.example @Worse.test"\n')
    house = SmtpHouse(AccessSettings(str(tmp_path)), badmailfrom=frozenset([b"bad@example.com"]))
    senders = (b"bad@example.com", b"X@y.example", b"joe@worse.test", b"joe@good.test")
    lines = [line for sender in senders for line in (b"MAIL FROM:<%s>\r\n" % sender, RCPT)]
    assert house.connect().codes(*lines) == [250, 553] * 3 + [250, 250]
    assert house.connect("192.0.2.1").codes(*lines) == [250, 553] + [250, 250] * 3


def test_a_client_sends_so_many_messages_in_an_hour() -> None:
    house = SmtpHouse(AccessSettings(messages_per_hour=2))
    one, other = house.connect(port=1), house.connect(port=2)
    assert one.codes(OPENING, BODY) == [250, 250, 354, 250]
    assert one.codes(MAIL, RCPT) == [250, 250]
    assert other.codes(OPENING, BODY) == [250, 250, 354, 250]
    assert one.send(b"DATA\r\n") == b"421 too many messages; try again later (#4.7.0)\r\n" and one.is_closed
    assert other.codes(MAIL) == [421] and other.is_closed
    assert len(house.intake.queued) == 2
    assert b"closed: too many messages in an hour, 1 accepted" in house.lines[-1]
    house.pass_time(1800, step=600)
    third = house.connect(port=3)
    assert third.codes(OPENING, BODY, MAIL) == [250, 250, 354, 250, 421]
    assert house.connect("192.0.2.1").codes(OPENING, BODY) == [250, 250, 354, 250]


def test_rules_are_read_again_when_the_file_changes_and_kept_when_it_is_broken(tmp_path: Path) -> None:
    rules = tmp_path / "tcprules"
    rules.write_bytes(b":deny\r\n")
    house = SmtpHouse(AccessSettings(str(tmp_path)))
    assert house.protocol() is None
    rules.write_bytes(b':allow,RELAYCLIENT=""\n')
    house.pass_time(1)
    assert house.connect().codes(MAIL, b"RCPT TO:<x@far.example>\r\n") == [250, 250]
    rules.write_bytes(b":maybe\n")
    house.pass_time(1)
    assert house.connect().codes(MAIL, b"RCPT TO:<x@far.example>\r\n") == [250, 250]
    assert any(b"warning: control/tcprules: line 1" in line for line in house.lines)
    os.unlink(rules)
    house.pass_time(1)
    assert house.connect().codes(MAIL, b"RCPT TO:<x@far.example>\r\n") == [250, 553]


def test_morercpthosts_is_asked_and_trouble_with_it_is_421(tmp_path: Path) -> None:
    path = tmp_path / "morercpthosts.cdb"
    cdb.write(str(path), str(path) + ".tmp", [(b"more.example", b"")])
    house = SmtpHouse(morercpthosts=str(path))
    client = house.connect()
    assert client.codes(MAIL, b"RCPT TO:<x@More.example>\r\n", b"RCPT TO:<x@less.example>\r\n") == [250, 250, 553]
    path.write_bytes(b"short")
    assert client.codes(b"RCPT TO:<x@more.example>\r\n") == [421]
    assert client.is_closed and b"morercpthosts" in house.lines[-1]


# -- the recipient check


def test_an_unknown_recipient_is_refused_at_rcpt() -> None:
    house = SmtpHouse(is_rcptcheck=True)
    house.check.answers = {b"no@example.org": False, b"maybe@example.org": None}
    stream = MAIL + RCPT + b"RCPT TO:<no@example.org>\r\nRCPT TO:<maybe@example.org>\r\nRCPT TO:<x@far.example>\r\n"
    assert house.connect().codes(stream) == [250, 250, 550, 250, 553]
    assert house.check.asked == [b"u@example.org", b"no@example.org", b"maybe@example.org"]


def test_what_the_check_cannot_say_now_is_accepted() -> None:
    house = SmtpHouse(is_rcptcheck=True)
    pending: Deferred[bool | None] = Deferred()
    house.check.answers[b"u@example.org"] = pending
    client = house.connect()
    assert client.codes(MAIL + RCPT) == [250]
    pending.errback(ConnectionError("the agent is gone"))
    assert client.said() == b"250 ok\r\n"


def test_an_answer_for_a_client_that_has_gone_is_ignored() -> None:
    house = SmtpHouse(is_rcptcheck=True)
    pending: Deferred[bool | None] = Deferred()
    house.check.answers[b"u@example.org"] = pending
    client = house.connect()
    client.send(MAIL + RCPT)
    client.lose()
    pending.callback(False)
    assert client.said() == b""


# -- the queue


def test_a_queue_that_takes_nothing_says_so_instead_of_354() -> None:
    house = SmtpHouse()
    house.intake.open_error = Temporary("disk is nearly full", "4.3.1")
    client = house.connect()
    assert client.send(OPENING) == b"250 ok\r\n250 ok\r\n452 disk is nearly full (#4.3.1)\r\n"
    house.intake.open_error = None
    assert client.codes(b"DATA\r\n", BODY) == [354, 250]


@pytest.mark.parametrize(
    ("error", "reply"),
    [
        (Temporary("qq write error or disk full (#4.3.0)", "4.3.0"), b"451 qq write error or disk full (#4.3.0)\r\n"),
        (Temporary("no room", "4.3.1"), b"452 no room (#4.3.1)\r\n"),
        (Permanent("sorry, virus found (#5.7.1)"), b"554 sorry, virus found (#5.7.1)\r\n"),
    ],
)
def test_a_failed_commit_is_never_250(error: Temporary | Permanent, reply: bytes) -> None:
    house = SmtpHouse()
    house.intake.commit_error = error
    assert house.connect().send(OPENING, BODY).endswith(b"354 go ahead\r\n" + reply)
    assert not any(b"accepted 1" in line for line in house.lines)


def test_nothing_is_read_and_nothing_answered_while_a_commit_is_pending() -> None:
    house = SmtpHouse()
    house.intake.is_holding = True
    client = house.connect()
    assert client.codes(OPENING + BODY) == [250, 250, 354]
    assert not client.is_paused  # most clients wait, and pausing costs
    assert client.send(b"NOOP\r\n") == b""
    assert client.is_paused
    house.intake.drafts[0].settle()
    assert client.said() == b"250 ok %d qp 10000000000\r\n250 ok\r\n" % NOW
    assert not client.is_paused


def test_a_message_committed_after_the_client_left_is_in_the_log() -> None:
    house = SmtpHouse()
    house.intake.is_holding = True
    client = house.connect()
    client.send(OPENING + BODY)
    client.lose()
    house.intake.drafts[0].settle()
    assert house.lines[-1].startswith(PEER + b"accepted 10000000000")
    assert client.said() == b"250 ok\r\n250 ok\r\n354 go ahead\r\n" or client.said() == b""


def test_a_slow_disk_stops_the_client_until_it_has_caught_up() -> None:
    house = SmtpHouse()
    client = house.connect()
    client.send(OPENING)
    house.intake.is_slow = True
    client.send(b"x" * 1000)
    assert client.send(b"y" * 1000) == b""
    assert client.is_paused
    house.pass_time(5000, 100)
    assert not client.is_closed  # it is not the client who is late
    house.intake.is_slow = False
    house.intake.drafts[0].on_drain()
    assert not client.is_paused
    assert client.codes(b"\r\n.\r\n") == [250]
    assert house.intake.drafts[0].body == b"x" * 1000 + b"y" * 1000 + b"\n"


def test_a_spoiled_message_leaves_the_queue_at_once() -> None:
    house = SmtpHouse(databytes=50)
    client = house.connect()
    client.send(OPENING, b"x" * 60)
    assert house.intake.drafts[0].is_abandoned
    assert client.codes(b"x" * 1000 + b"\r\n.\r\n") == [552]
    assert client.codes(OPENING, BODY) == [250, 250, 354, 250]


def test_a_connection_lost_in_a_message_leaves_nothing_behind() -> None:
    house = SmtpHouse()
    client = house.connect()
    client.send(OPENING, b"Subject: x\r\n\r\npart")
    client.lose()
    assert house.intake.drafts[0].is_abandoned and not house.intake.queued
    assert house.lines == [PEER + b"closed: the client closed the connection in the middle of a message, 0 accepted"]


def test_a_client_that_only_stops_sending_gets_all_its_answers() -> None:
    house = SmtpHouse()
    house.intake.is_holding = True
    client = house.connect()
    client.send(OPENING + BODY + b"NOOP\r\n")
    client.protocol.readConnectionLost()
    assert not client.is_closed
    house.intake.drafts[0].settle()
    assert [line[:3] for line in client.said().splitlines()] == [b"250", b"250"]
    assert client.is_closed
    assert house.lines[-1] == PEER + b"closed: the client closed the connection, 1 accepted"


# -- the log, new settings


def test_refusals_in_the_log_are_bounded() -> None:
    house = SmtpHouse(max_errors=1000)
    client = house.connect()
    client.send(MAIL)
    for _ in range(30):
        client.send(b"RCPT TO:<x@far.example>\r\n")
        house.pass_time(30, 30)
    client.send(b"QUIT\r\n")
    assert len(house.lines) == 21
    assert house.lines[-1] == PEER + b"closed: quit, 0 accepted, 10 refusals not shown"


def test_new_settings_are_for_new_sessions() -> None:
    import attrs

    house = SmtpHouse()
    old = house.connect()
    house.factory.configure(attrs.evolve(house.settings, rcpthosts=frozenset([b"other.example"]), greeting=b"new"))
    new = house.connect(port=2, is_greeting_read=False)
    assert new.said() == b"220 new ESMTP\r\n"
    assert old.codes(MAIL, RCPT) == [250, 250]
    assert new.codes(MAIL, RCPT, b"RCPT TO:<x@other.example>\r\n") == [250, 553, 250]
