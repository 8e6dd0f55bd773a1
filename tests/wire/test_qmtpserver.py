"""wire/qmtpserver.py: packages in, answers out, however they are cut and whatever they are."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmtwist.mail.envelope import Envelope
from qmtwist.wire.netstring import netstring
from qmtwist.wire.outgoing import Ended, Ready, SendBody, Transaction
from qmtwist.wire.package import Closed, Limits, MessageBegan, SenderOffered, Violation
from qmtwist.wire.qmtp import QmtpClient
from qmtwist.wire.qmtpserver import ABSURD_RECIPIENTS, QmtpServer
from qmtwist.wire.session import NEED_ANSWER, NEED_DATA, Pause
from tests.support.cuts import cuts
from tests.support.package_pump import NO_RELAY, OK, Pump

CANNOT = b"Dsorry, I can't handle that recipient (#5.1.3)"
BAD_SENDER = b"Dunacceptable sender (#5.1.7)"
TOO_BIG = b"Dsorry, that message size exceeds my databytes limit (#5.3.4)"
UNLIMITED = Limits()
LIMITS = Limits(databytes=40, max_recipients=3, hop_limit=3, max_address_bytes=10, max_idle_packages=4)


def package(message: bytes, sender: bytes, *recipients: bytes) -> bytes:
    return netstring(message) + netstring(sender) + netstring(b"".join(map(netstring, recipients)))


def play(data: bytes, limits: Limits = UNLIMITED, **refused: bytes) -> Pump:
    return Pump(QmtpServer(limits), {key.encode(): text for key, text in refused.items()}).feed([data])


def answers(*texts: bytes) -> bytes:
    return b"".join(map(netstring, texts))


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


# -- against a second reading of the specification


class Status(Exception):
    """How the connection ends: 100, 111, or 0 for the end of what was sent."""


class Specified:
    """What a server does with all that a client sends, byte by byte and simply; nothing of it is shared with ours."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self.bytes = iter(data)
        self.limits = limits
        self.output = b""
        self.queued: list[tuple[bytes, Envelope]] = []
        self.status = 0
        idle = 0
        try:
            while idle < limits.max_idle_packages:
                idle = 0 if self.package() else idle + 1
        except Status as status:
            (self.status,) = status.args

    def byte(self) -> int:
        for byte in self.bytes:
            return byte
        raise Status(0)

    def length(self, left: int = 10**9) -> tuple[int, int]:
        value = seen = 0
        while (digit := self.byte()) != ord(":"):
            seen += 1
            if seen >= min(100, left) or not ord("0") <= digit <= ord("9"):
                raise Status(100)
            if value > 200000000:
                raise Status(111)
            value = value * 10 + digit - 48
        return value, seen + 1

    def netstring(self) -> bytes:
        return self.payload(self.length()[0])

    def payload(self, count: int) -> bytes:
        payload = bytes(self.byte() for _ in range(count))
        if self.byte() != ord(","):
            raise Status(100)
        return payload

    def message(self) -> bytes:
        count, _ = self.length()
        if not count:
            raise Status(100)
        newline = self.byte()
        if newline not in (10, 13):
            raise Status(100)
        message = self.payload(count - 1)
        return message.replace(b"\r\n", b"\n") if newline == 13 else message

    def recipients(self) -> list[bytes]:
        left, recipients = self.length()[0], []
        while left:
            size, spent = self.length(left)
            if size >= left - spent:
                raise Status(100)
            recipients.append(self.payload(size))
            left -= spent + size + 1
        self.payload(0)
        return recipients

    def package(self) -> bool:
        message, sender, recipients = self.message(), self.netstring(), self.recipients()
        verdicts = self.verdicts(recipients)
        fault = self.fault(message, sender)
        wanted = [recipient for recipient, verdict in zip(recipients, verdicts, strict=True) if not verdict]
        is_queued = bool(wanted) and not fault
        if is_queued:
            self.queued.append((message, Envelope(sender, tuple(wanted))))
        self.output += answers(*[verdict or fault or OK for verdict in verdicts])
        return is_queued

    def verdicts(self, recipients: list[bytes]) -> list[bytes]:
        verdicts: list[bytes] = []
        for recipient in recipients:
            if len(recipient) >= self.limits.max_address_bytes or b"\0" in recipient:
                verdicts.append(CANNOT)
            elif verdicts.count(b"") >= self.limits.max_recipients:
                verdicts.append(b"Zsorry, too many recipients (#4.5.3)")
            else:
                verdicts.append(NO_RELAY if recipient.startswith(b"e") else b"")
        return verdicts

    def fault(self, message: bytes, sender: bytes) -> bytes:
        header = (b"\n" + message).partition(b"\n\n")[0].lower()
        if len(message) > self.limits.databytes:
            return TOO_BIG
        if b"\0" in sender or len(sender) >= 1000:
            return BAD_SENDER
        if header.count(b"\nreceived") + header.count(b"\ndelivered") >= self.limits.hop_limit:
            return b"Dtoo many hops, this message is looping (#5.4.6)"
        return b""


class Picky(Pump):
    """Refuses recipients that begin with e."""

    def _judge(self, event: object) -> None:
        address = event.address  # type: ignore[attr-defined]
        if not isinstance(event, SenderOffered) and address.startswith(b"e"):
            self.session.refuse(NO_RELAY)
        else:
            assert isinstance(self.session, QmtpServer)
            self.session.accept(address)


addresses = st.lists(st.sampled_from([b"r", b"e", b"rr@x", b"", b"\0", b"rrrrrrrrr"]), max_size=3).map(b"".join)
lines = st.lists(
    st.sampled_from([b"a", b"\r", b"\n", b"Received", b"\r\n", b"Delivered: x\n", b"xxxxxxxxxx"]), max_size=8
)
good = st.builds(
    lambda newline, message, sender, recipients: package(newline + message, sender, *recipients),
    st.sampled_from([b"\n", b"\r"]), lines.map(b"".join), addresses, st.lists(addresses, max_size=5),
)  # fmt: skip


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """A package with a few bytes changed, left out or put in."""
    data = draw(good)
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(data)))
        data = (
            data[:at]
            + draw(st.sampled_from([b"", b":", b",", b"0", b"9", b"999999999", b"x"]))
            + data[at + draw(st.integers(0, 2)) :]
        )
    return data


packages = st.lists(good | broken() | st.binary(max_size=20), max_size=6).map(b"".join)


@settings(max_examples=300)
@given(packages, st.data())
def test_it_does_what_the_specification_says_however_it_is_cut(sent: bytes, data: st.DataObject) -> None:
    wanted = Specified(sent, LIMITS)
    pump = Picky(QmtpServer(LIMITS)).feed(data.draw(cuts(sent))).end()
    assert pump.output == wanted.output
    assert pump.queued == wanted.queued
    assert isinstance(pump.last, Violation if wanted.status else Closed)
    assert not isinstance(pump.last, Violation) or pump.last.status == wanted.status


@given(st.binary(max_size=300), st.data())
def test_no_bytes_raise(sent: bytes, data: st.DataObject) -> None:
    assert Pump(QmtpServer(LIMITS)).feed(data.draw(cuts(sent))).end().last is not None


@given(st.binary(max_size=200), st.lists(st.sampled_from([b"r", b"evil", b"x@y"]), min_size=1, max_size=4), st.data())
def test_it_understands_our_own_client(message: bytes, recipients: list[bytes], data: st.DataObject) -> None:
    client, pump = QmtpClient(b"192.0.2.1"), Pump(QmtpServer(Limits()), {b"evil": NO_RELAY})
    assert isinstance(client.next_event(), Ready)
    client.begin(Transaction(b"s", tuple(recipients), len(message), False))
    assert client.next_event() == SendBody()
    for piece in data.draw(cuts(message)):
        client.body(piece)
    client.end_body()
    sent = client.take_output()
    pump.feed(data.draw(cuts(sent)))
    for piece in data.draw(cuts(pump.output)):
        client.receive(piece)
    ended = client.next_event()
    assert isinstance(ended, Ended) and not isinstance(ended, Pause)
    assert [letter for letter, _ in ended.result.recipients] == [b"h" if r == b"evil" else b"r" for r in recipients]
    wanted = tuple(recipient for recipient in recipients if recipient != b"evil")
    assert pump.queued == ([(message, Envelope(b"s", wanted))] if wanted else [])
