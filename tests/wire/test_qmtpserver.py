"""wire/qmtpserver.py: packages in, answers out, however they are cut and whatever they are."""

from __future__ import annotations

import tracemalloc

import pytest

from qmtwist.mail.envelope import Envelope
from qmtwist.wire.package import Closed, Limits, MessageBegan, SenderOffered, Violation
from qmtwist.wire.qmtpserver import ABSURD_RECIPIENTS, QmtpServer
from qmtwist.wire.session import NEED_ANSWER, NEED_DATA
from tests.support.package_pump import NO_RELAY, OK, Pump, answers, package

CANNOT = b"Dsorry, I can't handle that recipient (#5.1.3)"
BAD_SENDER = b"Dunacceptable sender (#5.1.7)"
TOO_BIG = b"Dsorry, that message size exceeds my databytes limit (#5.3.4)"
UNLIMITED = Limits()


def play(data: bytes, limits: Limits = UNLIMITED, **refused: bytes) -> Pump:
    return Pump(QmtpServer(limits), {key.encode(): text for key, text in refused.items()}).feed([data])


# -- what is stored


@pytest.mark.parametrize(
    ("message", "stored"),
    [
        (b"\na\r\nb\n", b"a\r\nb\n"),
        (b"\rx\r\n\r\nbo\rdy\r\n\r\rz\r\r\nlast\r\n", b"x\n\nbo\rdy\n\r\rz\r\nlast\n"),
        (b"\rabc\r", b"abc\r"),
        (b"\rabc\r\n", b"abc\n"),
        (b"\ra\nb", b"a\nb"),
        (b"\n", b""),
        (b"\r", b""),
        (b"\nabc", b"abc"),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_the_first_byte_says_how_lines_end(message: bytes, stored: bytes, size: int) -> None:
    data = package(message, b"s", b"r")
    pump = Pump(QmtpServer(Limits())).feed(data[at : at + size] for at in range(0, len(data), size))
    assert pump.queued == [(stored, Envelope(b"s", (b"r",)))]
    assert pump.output == answers(OK)


def test_packages_may_follow_each_other() -> None:
    pump = play(package(b"\na", b"s", b"r") + package(b"\nb", b"", b"t", b"")).end()
    assert pump.queued == [(b"a", Envelope(b"s", (b"r",))), (b"b", Envelope(b"", (b"t", b"")))]
    assert pump.output == answers(OK, OK, OK)
    assert pump.last == Closed(b"the client closed the connection")


def test_nothing_is_answered_before_the_last_byte_of_the_package() -> None:
    data = package(b"\na", b"s", b"bad", b"r")
    pump = Pump(QmtpServer(Limits()), {b"bad": NO_RELAY}).feed([data[:-1]])
    assert (pump.output, pump.queued) == (b"", [])
    assert pump.feed([b","]).output == answers(NO_RELAY, OK)


def test_a_package_that_breaks_off_is_thrown_away_and_earlier_ones_stay() -> None:
    pump = play(package(b"\na", b"s", b"r") + package(b"\nb", b"s", b"r")[:-1]).end()
    assert [message for message, _ in pump.queued] == [b"a"]
    assert pump.output == answers(OK)
    assert pump.last == Closed(b"the client closed the connection in the middle of a message")


def test_what_comes_behind_an_open_question_waits() -> None:
    session = QmtpServer(Limits())
    session.receive(package(b"\nabc", b"s", b"r"))
    assert session.next_event() == MessageBegan(3)
    assert session.next_event() is NEED_ANSWER
    assert session.has_input and session.is_in_message


# -- who is answered what


def test_each_recipient_has_its_own_answer_in_order() -> None:
    pump = play(package(b"\na", b"s", b"r", b"evil", b"x\0y", b"r"), evil=NO_RELAY)
    assert pump.output == answers(OK, NO_RELAY, CANNOT, OK)
    assert pump.queued == [(b"a", Envelope(b"s", (b"r", b"r")))]


def test_no_recipient_means_no_answer_and_nothing_queued() -> None:
    pump = play(package(b"\na", b"s"))
    assert (pump.output, pump.queued, pump.spoiled) == (b"", [], 1)


def test_when_all_are_refused_nothing_is_queued() -> None:
    pump = play(package(b"\na", b"s", b"evil"), evil=NO_RELAY)
    assert (pump.output, pump.queued, pump.spoiled) == (answers(NO_RELAY), [], 1)


@pytest.mark.parametrize("sender", [b"a\0b", b"a" * 1000])
def test_a_sender_that_cannot_be(sender: bytes) -> None:
    pump = play(package(b"\na", sender, b"r", b"evil"), evil=NO_RELAY)
    assert (pump.output, pump.queued) == (answers(BAD_SENDER, NO_RELAY), [])


def test_a_sender_that_the_shell_refuses_speaks_for_all_recipients_not_refused_themselves() -> None:
    text = b"Dsorry, your envelope sender is in my badmailfrom list (#5.7.1)"
    pump = play(package(b"\na", b"s", b"r", b"evil") + package(b"\nb", b"t", b"r"), s=text, evil=NO_RELAY)
    assert pump.output == answers(text, NO_RELAY, OK)
    assert [message for message, _ in pump.queued] == [b"b"]


@pytest.mark.parametrize(("length", "answer"), [(999, OK), (1000, CANNOT)])
def test_an_address_is_shorter_than_1000_bytes(length: int, answer: bytes) -> None:
    assert play(package(b"\na", b"s", b"r" * length)).output == answers(answer)
    assert play(package(b"\na", b"s" * length, b"r")).output == answers(OK if answer is OK else BAD_SENDER)


def test_what_is_appended_to_recipients_leaves_senders_alone() -> None:
    limits = Limits(max_address_bytes=990)
    assert play(package(b"\na", b"s" * 999, b"r" * 989), limits).output == answers(OK)
    assert play(package(b"\na", b"s", b"r" * 990, b""), limits).output == answers(CANNOT, OK)
    assert play(package(b"\na", b"s", b""), Limits(max_address_bytes=-5)).output == answers(CANNOT)


def test_the_size_limit_is_of_what_is_stored_and_its_text_wins() -> None:
    limits = Limits(databytes=4)
    assert play(package(b"\n1234", b"s", b"r"), limits).output == answers(OK)
    assert play(package(b"\n12345", b"s\0", b"r", b"evil"), limits, evil=NO_RELAY).output == answers(TOO_BIG, NO_RELAY)
    assert play(package(b"\r1\r\n3\r\n", b"s", b"r"), limits).output == answers(OK)
    assert play(package(b"\r1\r\n3\r\n5", b"s", b"r"), limits).output == answers(TOO_BIG)


def test_a_message_too_big_is_forgotten_at_once_and_its_bytes_are_not_stored() -> None:
    session = QmtpServer(Limits(databytes=4))
    pump = Pump(session).feed([b"1000:\n123"])
    assert (pump.spoiled, session.fault) == (1, TOO_BIG)


def test_a_loop_is_refused_when_hops_are_counted() -> None:
    data = package(b"\n" + b"Received: x\n" * 3 + b"\nbody\n", b"s", b"r")
    assert play(data).output == answers(OK)
    assert play(data, Limits(hop_limit=4)).output == answers(OK)
    looping = play(data, Limits(hop_limit=3))
    assert looping.output == answers(b"Dtoo many hops, this message is looping (#5.4.6)")
    assert (looping.queued, looping.spoiled) == ([], 1)


def test_recipients_beyond_the_limit_come_later() -> None:
    pump = play(package(b"\na", b"s", b"1", b"evil", b"2", b"3"), Limits(max_recipients=2), evil=NO_RELAY)
    assert pump.output == answers(OK, NO_RELAY, OK, b"Zsorry, too many recipients (#4.5.3)")
    assert pump.queued[0][1].recipients == (b"1", b"2")


@pytest.mark.parametrize(
    ("said", "answer"),
    [(b"Zlater", b"Zlater"), (b"Dnever", b"Dnever"), (b"Kforged", b"Zforged"), (b"", b"Z"), (b"x\n", b"Z\n")],
)
def test_a_refusal_never_looks_like_an_acceptance(said: bytes, answer: bytes) -> None:
    assert play(package(b"\na", b"s", b"r"), end=said).output == answers(answer)
    assert play(package(b"\na", b"s", b"r"), message=said).output == answers(answer)
    assert play(package(b"\na", b"s", b"r"), r=said).output == answers(answer)


# -- the protocol


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"0:,", 100),
        (b":", 100),
        (b"1x:", 100),
        (b"-1:", 100),
        (b" 1:", 100),
        (b"4:Xabc,", 100),
        (b"4:\nabc;", 100),
        (b"2:\na,1:s;", 100),
        (b"2:\na,1:s,2:9:,", 100),
        (b"2:\na,1:s,3:1:r,", 100),
        (b"2:\na,1:s,4:1:rr,", 100),
        (b"2:\na,1:s,2:12,", 100),
        (b"2:\na,1:s,4:x:r,,", 100),
        (b"2:\na,1:s,4:1:r,;", 100),
        (b"2000000010", 111),
        (b"20000000000", 111),
        (b"2:\na,9999999999", 111),
        (b"0" * 100, 100),
    ],
)
def test_a_framing_error_ends_it_without_a_word(data: bytes, status: int) -> None:
    for size in (1, 1000):
        pump = Pump(QmtpServer(Limits())).feed(data[at : at + size] for at in range(0, len(data), size))
        assert isinstance(pump.last, Violation) and pump.last.status == status
        assert (pump.output, pump.queued) == (b"", [])
        assert pump.feed([package(b"\na", b"s", b"r")]).output == b""


@pytest.mark.parametrize("data", [b"002:\na,:,4:1:r,,", b"2:\na,0:,4:1:r,,"])
def test_leading_zeros_and_empty_lengths_are_good(data: bytes) -> None:
    assert play(data).queued == [(b"a", Envelope(b"", (b"r",)))]


def test_the_longest_length_is_2000000009() -> None:
    assert play(b"2000000009:\n").session.is_in_message
    session = QmtpServer(Limits())
    session.receive(b"2000000009:\n")
    assert session.next_event() == MessageBegan(2000000008)


def test_a_length_that_lies_costs_nothing() -> None:
    session = QmtpServer(Limits(databytes=1000))
    pump = Pump(session).feed([b"1000000001:\n"])
    block = b"x" * 65536
    tracemalloc.start()
    try:
        pump.feed(block for _ in range(1000))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert pump.end().queued == []


def test_long_addresses_are_not_kept() -> None:
    session = QmtpServer(Limits())
    pump = Pump(session).feed([b"2:\na,1:s,200000000:199999989:"])
    block = b"r" * 65536
    tracemalloc.start()
    try:
        pump.feed(block for _ in range(200))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_nobody_gets_an_absurd_number_of_answers() -> None:
    pump = play(package(b"\na", b"s", *[b""] * (ABSURD_RECIPIENTS + 1)))
    assert isinstance(pump.last, Violation) and pump.last.status == 111
    assert (pump.output, pump.queued) == (b"", [])


def test_a_client_that_brings_no_mail_is_sent_away() -> None:
    idle, mail = package(b"\na", b"s", b"evil"), package(b"\na", b"s", b"r")
    limits = Limits(max_idle_packages=2)
    assert play(idle + mail + idle + mail, limits, evil=NO_RELAY).output == answers(NO_RELAY, OK, NO_RELAY, OK)
    pump = play(idle + idle + mail, limits, evil=NO_RELAY)
    assert (pump.output, pump.queued) == (answers(NO_RELAY, NO_RELAY), [])
    assert pump.last == Closed(b"too many packages without mail")


def test_the_shell_can_end_it_at_any_moment() -> None:
    session = QmtpServer(Limits())
    session.receive(package(b"\na", b"s", b"r"))
    session.next_event()
    session.go_ahead()
    while not isinstance(session.next_event(), SenderOffered):
        pass
    session.abort(b"timeout")
    assert session.next_event() == Closed(b"timeout")
    assert session.next_event() is NEED_DATA
    session.eof()
    assert session.next_event() is NEED_DATA
