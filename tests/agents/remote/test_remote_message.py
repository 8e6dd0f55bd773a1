"""agents/remote/deliver: QMTP, and the message however it comes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qmtwist.agents.remote.deliver import Order
from qmtwist.agents.remote.message import Message
from qmtwist.wire.dots import SmtpStuffer
from qmtwist.wire.remotereport import Result
from tests.support.network import port_for
from tests.support.peers import Peer
from tests.support.qmtp_peer import QmtpPeer
from tests.support.remote_home import NOT_CONNECTED, TEXT, Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


# -- QMTP


def test_a_qmtp_route_gets_the_message_as_it_is_stored(home: Home) -> None:
    with QmtpPeer() as peer, Peer() as other:
        home.put("qmtproutes", f"far.example:{peer.route}\n")
        home.route(other)
        peer.verdicts = {b"ann@far.example": b"Dno such user", b"bob@far.example": b"Zlater"}
        result = home.send(b"joe@far.example", b"ann@far.example", b"bob@far.example")
    assert [letter for letter, _ in result.recipients] == [b"r", b"h", b"s"]
    (message,) = peer.messages
    assert message.body == b"\n" + TEXT
    assert message[:2] == (b"s@example.org", (b"joe@far.example", b"ann@far.example", b"bob@far.example"))
    assert other.connections == 0


def test_a_qmtp_route_does_not_fall_back_to_smtp(home: Home) -> None:
    with Peer() as other:
        home.put("qmtproutes", f"far.example:127.0.0.1:{port_for('127.0.0.1')}\n")
        home.route(other)
        assert home.send() == Result((), b"Z", NOT_CONNECTED)
    assert other.connections == 0


def test_a_qmtp_host_that_hangs_up_may_have_the_message(home: Home) -> None:
    with QmtpPeer() as peer:
        peer.answer = lambda body: b""
        home.put("qmtproutes", f"far.example:{peer.route}\n")
        result = home.send()
    assert result.letter == b"Z"
    assert b"Possible duplicate!" in result.text


def test_qmtp_is_no_way_round_a_demand_for_tls(home: Home) -> None:
    with QmtpPeer() as peer:
        home.put("qmtproutes", f":{peer.route}\n")
        home.put("tlspolicy", ":encrypt\n")
        result = home.send()
    assert (result.letter, peer.connections) == (b"Z", 0)
    assert b"QMTP knows no TLS" in result.text


# -- the message


def test_a_message_from_a_pipe_arrives_whole_however_long(home: Home) -> None:
    text = b"Subject: long\n\n" + b"".join(b"%d " % number * 9 + b"\n" for number in range(60000))
    with Peer() as peer:
        home.route(peer)
        for part in (text[:1000] + b"\n", text):
            reading, writing = os.pipe()
            if not os.fork():
                os.close(reading)
                with open(writing, "wb") as stream:
                    stream.write(part)
                os._exit(0)
            os.close(writing)
            order = Order(b"far.example", b"s@example.org", (b"joe@far.example",))
            assert home.deliver(Message(reading), order).letter == b"K"
            os.close(reading)
            os.wait()
    assert [message.body for message in peer.messages] == [
        part.replace(b"\n", b"\r\n") for part in (text[:1000] + b"\n", text)
    ]


def test_a_message_that_cannot_be_read_is_deferred(home: Home, tmp_path: Path) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)
    try:
        with Peer() as peer:
            home.route(peer)
            result = home.deliver(Message(directory), Order(b"far.example", b"", (b"joe@far.example",)))
    finally:
        os.close(directory)
    assert result == Result((), b"Z", b"Unable to read message. (#4.3.0)\n")
    assert peer.messages == []


def test_a_message_is_not_read_before_somebody_wants_it(home: Home, tmp_path: Path) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)
    try:
        home.put("smtproutes", f":127.0.0.1:{port_for('127.0.0.1')}\n")
        result = home.deliver(Message(directory), Order(b"far.example", b"", (b"joe@far.example",)))
    finally:
        os.close(directory)
    assert result == Result((), b"Z", NOT_CONNECTED)


@pytest.mark.parametrize("text", [b"", b"\xe4\n", b"a\r\nb\rc\r\n"])
def test_a_message_begins_where_the_descriptor_stands(home: Home, text: bytes) -> None:
    descriptor = os.memfd_create("message")
    try:
        os.write(descriptor, b"before\n" + text)
        os.lseek(descriptor, 7, os.SEEK_SET)
        message = Message(descriptor)
        assert message.size_bytes() == len(text)
        assert message.survey().is_eight_bit == (b"\xe4" in text)
        stuffer = SmtpStuffer()
        sent = stuffer.encode(text) + stuffer.finish()
        assert message.survey().growth_bytes == len(sent) - len(text)
        assert b"".join(message.pieces()) == b"".join(message.pieces()) == text
    finally:
        os.close(descriptor)


def test_a_message_that_shrinks_while_it_is_sent_is_never_completed(home: Home) -> None:
    descriptor = os.memfd_create("message")
    os.write(descriptor, TEXT * 10000)
    os.lseek(descriptor, 0, os.SEEK_SET)

    def cut(_: object) -> None:
        os.ftruncate(descriptor, 100)

    try:
        with Peer(body=cut) as peer:
            home.route(peer)
            message = Message(descriptor)
            message.size_bytes()
            os.ftruncate(descriptor, 70000)
            result = home.deliver(message, Order(b"far.example", b"", (b"joe@far.example",)))
    finally:
        os.close(descriptor)
    assert result == Result((), b"Z", b"Unable to read message. (#4.3.0)\n")
    assert peer.messages == []
