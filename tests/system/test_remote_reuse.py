"""Connections that are kept for the next message: what the other side does meanwhile costs no mail and no deferral."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.peers import Act, Conversation, Over, Peer, drop, reset, stall, then_drop
from tests.support.qmtp_peer import QmtpPeer
from tests.support.remote import Station, station, wait_until

pytestmark = pytest.mark.system

JOE = "joe@test.example"


@pytest.fixture(scope="module")
def office() -> Iterator[Station]:
    with station("joe", timeoutremote="2\n", timeoutconnect="2\n", remoteidle="20\n") as daemon:
        yield daemon


@pytest.fixture
def peer(office: Station) -> Iterator[Peer]:
    with Peer() as made:
        office.control(smtproutes=f":{made.route}\n")
        yield made


def nth(number: int, act: Act, usual: bytes) -> Act:
    """Behave this way at the step's so many-th time only."""
    times = [0]

    def choose(conversation: Conversation) -> None:
        times[0] += 1
        if times[0] == number:
            act(conversation)
        else:
            conversation.say(usual)

    return choose


def deliver(office: Station, recipient: str, sender: str = JOE) -> str:
    """Send one message; the outcome of its first delivery."""
    since = office.mark()
    office.send(recipient, sender=sender)
    return office.outcome(recipient, since)


def test_a_connection_is_used_again(office: Station, peer: Peer) -> None:
    for number in range(5):
        assert deliver(office, f"x{number}@reused.example").startswith("success: ")
    assert peer.connections == 1 and len(peer.messages) == 5
    assert {message.recipients for message in peer.messages} == {(b"x%d@reused.example" % n,) for n in range(5)}


def test_a_refused_message_leaves_nothing_to_the_next(office: Station, peer: Peer) -> None:
    """RSET, or whatever it takes: the second message has its own sender and recipients only."""
    peer.verdicts[b"no@mixed.example"] = b"550 no\r\n"
    assert deliver(office, "no@mixed.example", "first@far.example").startswith("failure: ")
    assert deliver(office, "yes@mixed.example").startswith("success: ")
    found = next(message for message in peer.messages if message.recipients == (b"yes@mixed.example",))
    assert found.sender.startswith(b"<joe@test.example>")


@pytest.mark.parametrize(
    ("step", "act", "usual"),
    [
        ("mail", drop, b"250 ok\r\n"),
        ("mail", reset, b"250 ok\r\n"),
        ("mail", then_drop(b"421 too many messages\r\n"), b"250 ok\r\n"),
        ("mail", stall, b"250 ok\r\n"),
        ("rcpt", drop, b"250 ok\r\n"),
    ],
    ids=["drop", "reset", "421", "stall", "rcpt-drop"],
)
def test_a_kept_connection_that_fails_is_replaced(
    office: Station, peer: Peer, step: str, act: Act, usual: bytes
) -> None:
    """Nothing of the second message was given away, so it goes down a fresh connection, or waits; it is not lost."""
    peer.acts[step] = nth(2, act, usual)
    assert deliver(office, "one@kept.example").startswith("success: ")
    outcome = deliver(office, "two@kept.example")
    if act is stall and outcome.startswith("deferral: "):
        outcome = office.outcome("two@kept.example", office.alarm())
    assert outcome.startswith("success: "), outcome
    assert peer.connections == 2 and len(peer.messages) == 2


def test_a_peer_that_hangs_up_between_messages(office: Station, peer: Peer) -> None:
    def answer_and_go(conversation: Conversation) -> None:
        conversation.say(b"250 ok\r\n")
        raise Over

    peer.acts["dot"] = answer_and_go
    for number in range(3):
        assert deliver(office, f"x{number}@hangup.example").startswith("success: ")
    assert peer.connections == 3 and len(peer.messages) == 3


def test_a_peer_that_speaks_between_messages(office: Station, peer: Peer) -> None:
    """What nobody asked for answers nothing later."""
    peer.acts["dot"] = lambda conversation: conversation.say(b"250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 stolen\r\n")
    for number in range(3):
        assert deliver(office, f"x{number}@ahead.example").startswith(
            "success: 127.0.0.1_accepted_message./Remote_host_said:_250_ok/"
        )
    assert peer.recipients() == [b"x%d@ahead.example" % number for number in range(3)]
    assert not any("stolen" in line for line in office.log)


def test_an_unanswered_dot_on_a_kept_connection_is_deferred_not_repeated(office: Station, peer: Peer) -> None:
    peer.acts["dot"] = nth(2, drop, b"250 ok\r\n")
    assert deliver(office, "one@dot.example").startswith("success: ")
    outcome = deliver(office, "two@dot.example")
    assert outcome.startswith("deferral: ") and "Possible_duplicate!" in outcome
    assert len(peer.messages) == 2
    assert office.outcome("two@dot.example", office.alarm()).startswith("success: ")


def test_only_so_many_messages_go_down_one_connection(office: Station, peer: Peer) -> None:
    office.control(remotemessages="2\n")
    for number in range(5):
        assert deliver(office, f"x{number}@limited.example").startswith("success: ")
    assert peer.connections == 3
    office.control(remotemessages=None)


def test_an_idle_connection_is_left_in_order(office: Station, peer: Peer) -> None:
    office.control(remoteidle="1\n")
    assert deliver(office, "x@idle.example").startswith("success: ")
    wait_until(lambda: not peer.current)
    assert peer.commands[-1] == b"QUIT"
    office.control(remoteidle="20\n")


def test_a_kept_qmtp_connection_that_ends_is_replaced(office: Station) -> None:
    with QmtpPeer() as peer:
        office.control(qmtproutes=f":{peer.route}\n")
        assert deliver(office, "one@qmtp.example").startswith("success: ")
        assert deliver(office, "two@qmtp.example").startswith("success: ")
        assert peer.connections == 1
        peer.hang_up()
        assert deliver(office, "three@qmtp.example").startswith("success: ")
        assert [message.recipients for message in peer.messages] == [
            (f"{name}@qmtp.example".encode(),) for name in ("one", "two", "three")
        ]
    office.control(qmtproutes=None)


def test_nothing_else_was_said_in_the_log(office: Station) -> None:
    assert not [line for line in office.log if "Traceback" in line or "Unhandled" in line or "alert:" in line]
