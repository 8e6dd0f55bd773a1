"""wire/qmqp.py: one request, one answer; and the client's half of it."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmtwist.mail.envelope import Envelope
from qmtwist.wire.netstring import netstring
from qmtwist.wire.package import Closed, Limits, Violation
from qmtwist.wire.qmqp import AnswerReader, QmqpServer, Server, frame, parse_server
from tests.support.cuts import cuts
from tests.support.package_pump import OK, Pump

BAD_ADDRESS = b"Dsorry, I can't accept addresses like that (#5.1.3)"
UNLIMITED = Limits(max_recipients=1_000_000)


def request(*parts: bytes) -> bytes:
    return netstring(b"".join(map(netstring, parts)))


def play(data: bytes, limits: Limits = UNLIMITED, **refused: bytes) -> Pump:
    return Pump(QmqpServer(limits), {key.encode(): text for key, text in refused.items()}).feed([data])


# -- the server


@pytest.mark.parametrize("recipients", [(), (b"r",), (b"r", b"", b"r")])
def test_a_request_is_queued_as_it_is(recipients: tuple[bytes, ...]) -> None:
    pump = play(request(b"a\r\nb", b"list-@host-@[]", *recipients))
    assert pump.queued == [(b"a\r\nb", Envelope(b"list-@host-@[]", recipients))]
    assert pump.output == netstring(OK)
    assert pump.last == Closed(b"answered")


def test_what_comes_after_the_request_is_not_looked_at() -> None:
    pump = play(request(b"a", b"s", b"r") * 2)
    assert (len(pump.queued), pump.output) == (1, netstring(OK))


def test_nothing_is_said_before_the_last_byte() -> None:
    data = request(b"a", b"s\0", b"r")
    pump = play(data[:-1])
    assert (pump.output, pump.last) == (b"", None)
    assert pump.feed([b","]).output == netstring(BAD_ADDRESS)


@pytest.mark.parametrize("bad", [b"a\0b", b"a" * 1000])
@pytest.mark.parametrize("where", [1, 2, 3])
def test_one_bad_address_spoils_it_all(bad: bytes, where: int) -> None:
    parts = [b"a", b"s", b"r", b"t"]
    parts[where] = bad
    pump = play(request(*parts))
    assert (pump.output, pump.queued, pump.spoiled) == (netstring(BAD_ADDRESS), [], 1)
    assert play(request(*parts), message=b"Zno room").output == netstring(BAD_ADDRESS)


def test_the_queue_has_the_last_word() -> None:
    for when in ("message", "end"):
        pump = play(request(b"a", b"s", b"r"), **{when: b"Zqq write error or disk full (#4.3.0)"})
        assert pump.output == b"37:Zqq write error or disk full (#4.3.0),"
        assert pump.queued == []


def test_recipients_have_a_limit() -> None:
    limits = Limits(max_recipients=2)
    assert play(request(b"a", b"s", b"1", b"2"), limits).output == netstring(OK)
    assert play(request(b"a", b"s", b"1", b"2", b"3"), limits).output == netstring(
        b"Dsorry, too many recipients (#5.5.3)"
    )


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"x", 100),
        (b"30:4:abcd;", 100),
        (b"5:9:abcdefghi,", 100),
        (b"55:17:Subject: x\n\nbody\n,13:a@example.com,13:u@far.example,;", 100),
        (b"4:1:a,,", 100),
        (b"4:1:a,1", 100),
        (b"8:1:a,1:s,;", 100),
        (b"9:1:a,1:s,1,", 100),
        (b"10:1:a,1:s,1:,", 100),
        (b"0:,", 100),
        (b"2000000010", 111),
        (b"0" * 100, 100),
    ],
)
def test_a_framing_error_ends_it_without_a_word(data: bytes, status: int) -> None:
    for size in (1, 1000):
        pump = Pump(QmqpServer(UNLIMITED)).feed(data[at : at + size] for at in range(0, len(data), size))
        assert isinstance(pump.last, Violation) and pump.last.status == status
        assert (pump.output, pump.queued) == (b"", [])


def test_the_end_of_a_partial_request_is_no_violation() -> None:
    pump = play(b"55:17:Subject: x\n\nbody\n,13:a@example.com,13:u@far.examp").end()
    assert pump.last == Closed(b"the client closed the connection in the middle of a message")
    assert (pump.output, pump.queued) == (b"", [])


def test_a_length_that_lies_costs_nothing() -> None:
    pump = Pump(QmqpServer(Limits(databytes=10))).feed([b"1000000020:1000000000:"])
    block = b"x" * 65536
    tracemalloc.start()
    try:
        pump.feed(block for _ in range(1000))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert (pump.spoiled, pump.end().queued) == (1, [])


@settings(max_examples=200)
@given(st.binary(max_size=60), st.binary(max_size=9), st.lists(st.binary(max_size=9), max_size=5), st.data())
def test_it_understands_our_own_client(message: bytes, sender: bytes, to: list[bytes], data: st.DataObject) -> None:
    envelope = Envelope(sender.replace(b"\0", b"0"), tuple(recipient.replace(b"\0", b"0") for recipient in to))
    before, after = frame(len(message), envelope)
    pump = Pump(QmqpServer(UNLIMITED)).feed(data.draw(cuts(before + message + after)))
    assert pump.queued == [(message, envelope)]
    answer = AnswerReader()
    for piece in data.draw(cuts(pump.output)):
        answer.receive(piece)
    assert (answer.letter, answer.text, answer.is_complete, answer.is_bad) == (b"K", OK[1:], True, False)


@settings(max_examples=200)
@given(st.lists(st.sampled_from([b"1", b"9", b"0", b":", b",", b"a", b"1:a,", b"0:,", b"\0"]), max_size=30), st.data())
def test_no_bytes_raise_and_no_cut_matters(parts: list[bytes], data: st.DataObject) -> None:
    sent = b"".join(parts)
    for stream in (sent, netstring(sent)):
        whole = Pump(QmqpServer(UNLIMITED)).feed([stream]).end()
        pieces = Pump(QmqpServer(UNLIMITED)).feed(data.draw(cuts(stream))).end()
        assert (whole.queued, whole.output, whole.last) == (pieces.queued, pieces.output, pieces.last)
        assert whole.last is not None


@settings(max_examples=200)
@given(st.binary(max_size=8), st.lists(st.binary(max_size=8), min_size=1, max_size=5), st.integers(0, 200), st.data())
def test_no_part_of_a_request_is_a_request(
    message: bytes, addresses: list[bytes], at: int, data: st.DataObject
) -> None:
    whole = request(message, *addresses)
    part = whole[: min(at, len(whole) - 1)]
    pump = Pump(QmqpServer(UNLIMITED)).feed(data.draw(cuts(part))).end()
    assert (pump.queued, pump.output) == ([], b"")
    assert isinstance(pump.last, Closed)


# -- the client


@pytest.mark.parametrize(
    ("data", "letter", "text"),
    [
        (b"30:Kok 1234567890 qp 1234,", b"K", b"ok 1234567890 qp 1234,"),
        (b"2:Kx,", b"K", b"x"),
        (b"5:Zbusy,", b"Z", b"busy"),
        (b"5:Dnope,", b"D", b"nope"),
        (b"1:D,", b"D", b""),
        (b"99:Dcut o", b"D", b"cut o"),
        (b"Dno frame", b"D", b"no frame"),
        (b":Dno digits", b"D", b"no digits"),
        (b"", b"", b""),
        (b"12", b"", b""),
        (b"12:", b"", b""),
    ],
)
def test_the_letter_at_the_beginning_of_an_answer_decides(data: bytes, letter: bytes, text: bytes) -> None:
    for size in (1, 1000):
        answer = AnswerReader()
        for at in range(0, len(data), size):
            answer.receive(data[at : at + size])
        assert (answer.letter, answer.text, answer.is_bad) == (letter, text, False)


@pytest.mark.parametrize("data", [b"220 mail.example.org ESMTP\r\n", b"HTTP/1.0 400 BaD", b"0:,", b"1" * 21, b"xK"])
def test_what_another_service_says_is_no_answer(data: bytes) -> None:
    answer = AnswerReader()
    answer.receive(data)
    assert (answer.letter, answer.is_bad) == (b"", True)
    answer.receive(b"2:Kx,")
    assert answer.letter == b""


def test_of_a_long_text_only_the_beginning_is_kept() -> None:
    answer = AnswerReader()
    answer.receive(b"2000:D" + b"x" * 1999)
    assert answer.is_complete and len(answer.text) == 254


@given(st.binary(max_size=300), st.data())
def test_no_answer_raises_and_no_cut_matters(sent: bytes, data: st.DataObject) -> None:
    whole, pieces = AnswerReader(), AnswerReader()
    whole.receive(sent)
    for piece in data.draw(cuts(sent)):
        pieces.receive(piece)
    assert (whole.letter, whole.text, whole.is_bad) == (pieces.letter, pieces.text, pieces.is_bad)


@pytest.mark.parametrize(
    ("line", "server"),
    [
        (b"192.0.2.1", Server("192.0.2.1", 628)),
        (b"192.0.2.1:6280", Server("192.0.2.1", 6280)),
        (b"192.0.2.1:", Server("192.0.2.1", 628)),
        (b"192.0.2.1:x", Server("192.0.2.1", 628)),
        (b"192.0.2.1 backup", Server("192.0.2.1", 628)),
        (b"192.0.2.1/tls", Server("192.0.2.1", 6280, b"")),
        (b"192.0.2.1:7/TLS backup", Server("192.0.2.1", 7, b"")),
        (b"192.0.2.1:/tls:encrypt", Server("192.0.2.1", 6280, b"encrypt")),
        (b"[2001:db8::1]:7/tls:pin:ab:cd", Server("2001:db8::1", 7, b"pin:ab:cd")),
        (b"2001:db8::1/tls:verify:a/b", Server("2001:db8::1", 6280, b"verify:a/b")),
        (b"192.0.2.1/x", None),
        (b"192.0.2.1/", None),
        (b"192.0.2.1/tlss", None),
        (b"192.0.2.1/tls:", None),
        (b"mail.example.net/tls", None),
        (b"2001:db8::1", Server("2001:db8::1", 628)),
        (b"[2001:db8::1]", Server("2001:db8::1", 628)),
        (b"[2001:db8::1]:6280", Server("2001:db8::1", 6280)),
        (b"[192.0.2.1]:6280", Server("192.0.2.1", 6280)),
        (b"::1", Server("::1", 628)),
        (b"192.0.2.1:0", None),
        (b"192.0.2.1:65536", None),
        (b"192.0.2.1:999999", None),
        (b"mail.example.net", None),
        (b"192.0.2", None),
        (b"192.0.2.256", None),
        (b"[192.0.2.1", None),
        (b"", None),
        (b" ", None),
    ],
)
def test_a_server_is_an_address_with_or_without_a_port(line: bytes, server: Server | None) -> None:
    assert parse_server(line) == server


@given(st.binary(max_size=20))
def test_no_line_raises(line: bytes) -> None:
    server = parse_server(line)
    assert server is None or 0 < server.port < 65536
