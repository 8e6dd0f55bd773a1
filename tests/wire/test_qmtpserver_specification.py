"""wire/qmtpserver.py against a second reading of the specification, and against our own client."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from qmtwist.mail.envelope import Envelope
from qmtwist.wire.outgoing import Ended, Ready, SendBody, Transaction
from qmtwist.wire.package import Closed, Limits, SenderOffered, Violation
from qmtwist.wire.qmtp import QmtpClient
from qmtwist.wire.qmtpserver import QmtpServer
from qmtwist.wire.session import Pause
from tests.support.cuts import cuts
from tests.support.package_pump import NO_RELAY, OK, Pump, answers, package

CANNOT = b"Dsorry, I can't handle that recipient (#5.1.3)"
BAD_SENDER = b"Dunacceptable sender (#5.1.7)"
TOO_BIG = b"Dsorry, that message size exceeds my databytes limit (#5.3.4)"
LIMITS = Limits(databytes=40, max_recipients=3, hop_limit=3, max_address_bytes=10, max_idle_packages=4)


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
