"""The remote agent with real servers on loopback: connections kept, slots, large messages."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred, gatherResults

from qmtwist.mail.outcome import Outcome, Verdict
from qmtwist.services.remote.message import Message
from tests.support import peers
from tests.support.peers import Peer
from tests.support.remote_desk import RemoteDesk, all_to, order

Make = Callable[..., RemoteDesk]


# -- connections


@pytest_twisted.ensureDeferred
async def test_a_message_arrives_as_it_was_sent_and_is_reported(make: Make) -> None:
    with Peer() as peer:
        desk = make(smtproutes=all_to(peer))
        outcome = await desk.deliver(order(b"far.example", message=b"Subject: t\n\n.dot\n..\nend\n"))
        assert outcome.verdict is Verdict.SUCCESS
        assert outcome.text == b"127.0.0.1 accepted message.\nRemote host said: 250 2.0.0 queued as 1\n"
        assert peer.messages[0].body == b"Subject: t\r\n\r\n.dot\r\n..\r\nend\r\n"
        assert peer.messages[0].recipients == (b"joe@far.example",)
        assert peer.messages[0].greeted == b"EHLO here.example"


@pytest_twisted.ensureDeferred
async def test_messages_in_sequence_share_a_connection_and_it_ends_with_quit(make: Make) -> None:
    with Peer() as peer:
        desk = make(smtproutes=all_to(peer))
        for number in range(10):
            assert (await desk.deliver(order(b"d%d.example" % number))).verdict is Verdict.SUCCESS
        assert peer.connections == 1 and len(peer.messages) == 10
        await desk.stop()
        await desk.until(lambda: peer.commands[-1] == b"QUIT")


@pytest_twisted.ensureDeferred
async def test_messages_at_once_have_connections_of_their_own(make: Make) -> None:
    with Peer(delay_s=0.05) as peer:
        desk = make(smtproutes=all_to(peer))
        await gatherResults([desk.send(order(b"far.example")) for _ in range(5)])
        assert peer.connections == 5


@pytest_twisted.ensureDeferred
async def test_an_idle_connection_ends_after_remoteidle_seconds(make: Make) -> None:
    with Peer() as peer:
        desk = make(smtproutes=all_to(peer), remoteidle="1")
        await desk.deliver(order(b"far.example"))
        assert peer.current == 1
        await desk.until(lambda: peer.commands[-1] == b"QUIT" and not peer.current)


@pytest_twisted.ensureDeferred
async def test_without_remoteidle_no_connection_is_kept(make: Make) -> None:
    with Peer() as peer:
        desk = make(smtproutes=all_to(peer), remoteidle="0")
        for _ in range(3):
            await desk.deliver(order(b"far.example"))
        assert peer.connections == 3


@pytest_twisted.ensureDeferred
async def test_remotemessages_go_down_one_connection_and_no_more(make: Make) -> None:
    with Peer() as peer:
        desk = make(smtproutes=all_to(peer), remotemessages="2")
        for _ in range(5):
            await desk.deliver(order(b"far.example"))
        assert peer.connections == 3


@pytest_twisted.ensureDeferred
async def test_a_kept_connection_that_has_died_costs_nothing(make: Make) -> None:
    with Peer() as peer:
        desk = make(smtproutes=all_to(peer))
        await desk.deliver(order(b"far.example"))
        peer.acts["mail"] = once(peers.drop, peer, "mail")
        assert (await desk.deliver(order(b"far.example"))).verdict is Verdict.SUCCESS
        peer.acts["mail"] = once(peers.then_drop(b"421 4.3.2 too long\r\n"), peer, "mail")
        assert (await desk.deliver(order(b"far.example"))).verdict is Verdict.SUCCESS
        assert peer.connections == 3 and len(peer.messages) == 3


def once(act: peers.Act, peer: Peer, step: str) -> peers.Act:
    """An act that takes place one time."""

    def acting(conversation: peers.Conversation) -> None:
        del peer.acts[step]
        act(conversation)

    return acting


@pytest_twisted.ensureDeferred
async def test_what_the_other_host_says_while_idle_ends_the_connection(make: Make) -> None:
    with Peer() as peer:
        desk = make(smtproutes=all_to(peer))
        await desk.deliver(order(b"far.example"))
        (conversation,) = peer._open
        conversation.say(b"421 4.4.2 idle for too long\r\n")
        await desk.until(lambda: not peer.current)
        assert (await desk.deliver(order(b"far.example"))).verdict is Verdict.SUCCESS
        assert peer.connections == 2


@pytest_twisted.ensureDeferred
async def test_every_recipient_has_a_report(make: Make) -> None:
    with Peer() as peer:
        peer.verdicts[b"bad@far.example"] = b"550 5.1.1 no such user\r\n"
        peer.verdicts[b"later@far.example"] = b"450 4.2.1 full\r\n"
        desk = make(smtproutes=all_to(peer))
        outcomes = await desk.send(order(b"far.example", b"joe", b"bad", b"later", b"ann"))
        assert [outcome.verdict.value for outcome in outcomes] == [b"K", b"D", b"Z", b"K"]
        assert b"550 5.1.1 no such user" in outcomes[1].text
        assert peer.messages[0].recipients == (b"joe@far.example", b"ann@far.example")


# -- slots


@pytest_twisted.ensureDeferred
async def test_nothing_of_the_message_is_sent_before_there_is_a_slot(make: Make) -> None:
    with Peer() as peer:
        desk = make(smtproutes=all_to(peer))
        desk.grants = False
        result = desk.send(order(b"far.example"))
        await desk.until(lambda: desk.asking and peer.commands)
        await desk.until(lambda: peer.commands == [b"EHLO here.example"])
        desk.grant(desk.asking[0])
        assert (await result)[0].verdict is Verdict.SUCCESS
        assert desk.asking == [1]


@pytest_twisted.ensureDeferred
async def test_a_connection_does_not_wait_for_its_slot_for_ever(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmtwist.services.remote.delivery.SLOT_WAIT_S", 0.1)
    with Peer() as peer:
        desk = make(smtproutes=all_to(peer))
        desk.grants = False
        result = desk.send(order(b"far.example"))
        await desk.until(lambda: peer.commands and peer.commands[-1] == b"QUIT")
        assert not result.called
        desk.grant(1)
        assert (await result)[0].verdict is Verdict.SUCCESS
        assert (peer.connections, desk.asking) == (2, [1])


@pytest_twisted.ensureDeferred
async def test_a_server_that_hangs_up_while_the_slot_is_awaited_costs_nothing(make: Make) -> None:
    with Peer(ehlo=peers.then_drop(b"250 peer.example\r\n")) as peer:
        desk = make(smtproutes=all_to(peer))
        desk.grants = False
        result = desk.send(order(b"far.example"))
        await desk.until(lambda: peer.connections == 1 and not peer.current and desk.asking)
        peer.acts.clear()
        desk.grant(1)
        assert (await result)[0].verdict is Verdict.SUCCESS


# -- large messages


@pytest_twisted.ensureDeferred
async def test_a_message_by_descriptor_arrives_whole_and_as_often_as_it_takes(make: Make, tmp_path: Path) -> None:
    message = b"".join(b"%08d" % number + b"." * (number % 90) + b"\n" for number in range(40_000))
    path = tmp_path / "message"
    path.write_bytes(message)
    with Peer() as peer:
        desk = make(smtproutes=all_to(peer))
        await desk.deliver(order(b"far.example"))
        peer.acts["mail"] = once(peers.drop, peer, "mail")
        outcome = await desk.deliver(order(b"far.example", message=None), os.open(path, os.O_RDONLY))
        assert outcome.verdict is Verdict.SUCCESS
        assert peer.messages[-1].body == message.replace(b"\n", b"\r\n")
        inline = await desk.deliver(order(b"far.example", message=message))
        assert inline.verdict is Verdict.SUCCESS and peer.messages[-1].body == peer.messages[-2].body


@pytest_twisted.ensureDeferred
async def test_a_message_that_has_become_shorter_is_deferred(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "message"
    path.write_bytes(b"x\n" * 100_000)
    with Peer(data=peers.after(0.2, b"354 go\r\n")) as peer:
        desk = make(smtproutes=all_to(peer))
        result = desk.deliver(order(b"far.example", message=None), os.open(path, os.O_RDONLY))
        result = Deferred.fromCoroutine(result)
        await desk.until(lambda: peer.commands and peer.commands[-1] == b"DATA")
        os.truncate(path, 100)
        assert await result == Outcome(Verdict.DEFERRAL, b"Unable to read message. (#4.3.0)\n")
        assert not peer.messages


OFFERS = b"250-peer.example\r\n250-SIZE\r\n250 8BITMIME\r\n"


@pytest.mark.parametrize(("last", "body"), [(b"x\n", b""), (b"\xe4\n", b" BODY=8BITMIME")])
@pytest_twisted.ensureDeferred
async def test_of_a_large_message_is_announced_what_it_is(make: Make, tmp_path: Path, last: bytes, body: bytes) -> None:
    message = b"x" * 79 + b"\n"
    message = message * 50_000 + last
    path = tmp_path / "message"
    path.write_bytes(message)
    with Peer(ehlo=peers.reply(OFFERS)) as peer:
        desk = make(smtproutes=all_to(peer))
        await desk.deliver(order(b"far.example", message=None), os.open(path, os.O_RDONLY))
        assert b"MAIL FROM:<s@here.example> SIZE=%d%s" % (81 * 50_000 + 3, body) in peer.commands


@pytest_twisted.ensureDeferred
async def test_eight_bits_go_to_a_host_that_does_not_offer_them_as_they_are(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "message"
    path.write_bytes(b"\xe4\n" * 1_000_000)
    with Peer(ehlo=peers.reply(b"250 peer.example\r\n")) as peer:
        desk = make(smtproutes=all_to(peer))
        outcome = await desk.deliver(order(b"far.example", message=None), os.open(path, os.O_RDONLY))
        assert outcome.verdict is Verdict.SUCCESS
        assert b"MAIL FROM:<s@here.example>" in peer.commands
        assert peer.messages[0].body == b"\xe4\r\n" * 1_000_000


@pytest_twisted.ensureDeferred
async def test_a_connection_that_is_lost_while_the_message_is_looked_at_delays_the_mail(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Message] = []

    def look_on(message: Message) -> None:
        if not looks:
            (conversation,) = peer._open
            conversation.say(b"421 4.3.2 bye\r\n")
        looks.append(message)  # and never comes to an end

    monkeypatch.setattr(Message, "look_on", look_on)
    path = tmp_path / "message"
    path.write_bytes(b"x\n" * 100_000)
    with Peer() as peer:
        desk = make(smtproutes=all_to(peer))
        outcome = await desk.deliver(order(b"far.example", message=None), os.open(path, os.O_RDONLY))
        assert outcome.verdict is Verdict.DEFERRAL
        assert not any(command.startswith(b"MAIL") for command in peer.commands)
