"""The remote agent with real servers on loopback: TLS."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest_twisted

from qmtwist.mail.outcome import Verdict
from tests.support.certificates import self_signed
from tests.support.peers import Peer
from tests.support.remote_desk import RemoteDesk, all_to, order

Make = Callable[..., RemoteDesk]


@pytest_twisted.ensureDeferred
async def test_tls_is_used_where_it_is_offered_and_the_log_says_so(make: Make, tmp_path: Path) -> None:
    with Peer(context=self_signed("far.example").context(str(tmp_path))) as peer:
        desk = make(smtproutes=all_to(peer))
        for _ in range(2):
            assert (await desk.deliver(order(b"far.example"))).verdict is Verdict.SUCCESS
        assert peer.connections == 1 and all(message.is_tls for message in peer.messages)
        (note,) = desk.notes
        assert note.startswith(b"tls [127.0.0.1] 127.0.0.1 TLSv1.3 ") and b" unverified: self-signed" in note


@pytest_twisted.ensureDeferred
async def test_a_large_message_goes_through_tls_whole(make: Make, tmp_path: Path) -> None:
    message = b"".join(b"%08d\n" % number for number in range(300_000))
    path = tmp_path / "message"
    path.write_bytes(message)
    with Peer(context=self_signed("far.example").context(str(tmp_path))) as peer:
        desk = make(smtproutes=all_to(peer))
        outcome = await desk.deliver(order(b"far.example", message=None), os.open(path, os.O_RDONLY))
        assert outcome.verdict is Verdict.SUCCESS and peer.messages[0].is_tls
        assert peer.messages[0].body == message.replace(b"\n", b"\r\n")


@pytest_twisted.ensureDeferred
async def test_after_a_failed_handshake_the_same_host_gets_the_mail_in_clear_and_is_remembered(make: Make) -> None:
    broken = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # without a certificate
    with Peer(context=broken) as peer:
        desk = make(smtproutes=all_to(peer), remoteidle="0")
        for _ in range(2):
            assert (await desk.deliver(order(b"far.example"))).verdict is Verdict.SUCCESS
        assert not peer.messages[0].is_tls
        assert (peer.connections, peer.commands.count(b"STARTTLS")) == (3, 1)
        assert len(desk.notes) == 1 and b" failed: " in desk.notes[0]


@pytest_twisted.ensureDeferred
async def test_where_tls_is_demanded_nothing_goes_out_in_clear(make: Make) -> None:
    broken = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with Peer(context=broken) as peer, Peer() as without:
        desk = make(smtproutes=all_to(peer, without), tlspolicy=":encrypt")
        for host in (b"d0.example", b"d1.example"):
            outcome = await desk.deliver(order(host))
            assert outcome.verdict is Verdict.DEFERRAL and b"#4.7." in outcome.text
        assert not any(command.startswith(b"MAIL") for command in peer.commands + without.commands)


@pytest_twisted.ensureDeferred
async def test_domains_with_other_demands_do_not_share_connections(make: Make, tmp_path: Path) -> None:
    with Peer(context=self_signed("d1.example").context(str(tmp_path))) as peer:
        desk = make(smtproutes=f":{peer.route}", tlspolicy="d0.example:none\nd2.example:verify")
        await desk.deliver(order(b"d0.example"))
        await desk.deliver(order(b"d1.example"))
        assert [message.is_tls for message in peer.messages] == [False, True]
        assert (await desk.deliver(order(b"d2.example"))).verdict is Verdict.DEFERRAL
        assert peer.connections == 3
