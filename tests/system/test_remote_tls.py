"""TLS towards other servers: where they can, unless a policy asks for more or less; and servers that get it wrong."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.support.certificates import Authority, self_signed
from tests.support.peers import Conversation, Over, Peer, drop, reply, reset, stall
from tests.support.postfix import Postfix
from tests.support.remote import Station, station, wait_until

pytestmark = pytest.mark.system

SECRET = b"Subject: secret\n\nfor your eyes only\n"
ENOUGH_S = 25.0


def garbage(conversation: Conversation) -> None:
    """No TLS record."""
    conversation.read()
    conversation.say(b"\x00\x01garbage\r\n" * 30)
    conversation.wait_for_hangup()


def inject(conversation: Conversation) -> None:
    """What somebody on the way adds in clear, so that it may count as said under TLS."""
    conversation.say(
        b"220 go ahead\r\n250-peer.example\r\n250 PIPELINING\r\n250 ok\r\n250 ok\r\n354 go\r\n250 2.0.0 stolen\r\n"
    )


def inject_in_pieces(conversation: Conversation) -> None:
    """The same, with a small delay after the first reply."""
    conversation.say(b"220 go ahead\r\n250 peer.ex")


def vanish(conversation: Conversation) -> None:
    """Read the ClientHello and hang up."""
    conversation.read()
    raise Over


FAULTS = {
    "garbage": {"handshake": garbage},
    "drop": {"handshake": drop},
    "reset": {"handshake": reset},
    "stall": {"handshake": stall},
    "vanish": {"handshake": vanish},
    "refused": {"starttls": reply(b"454 TLS not available\r\n")},
    "never": {"starttls": reply(b"554 TLS not available\r\n")},
    "silent": {"starttls": stall},
    "inject": {"starttls": inject},
    "pieces": {"starttls": inject_in_pieces},
}
# Their first messages are sent before everything else.
SLOW = tuple(f"{name}-{level}.example" for name in ("stall", "silent") for level in ("may", "encrypt"))
# Certificates, by domain: which of them is good enough for `verify`.
GOOD = ("signed.example",)
BAD = ("selfsigned.example", "expired.example", "othername.example", "unknown.example")


class Scene(NamedTuple):
    """The daemon, and peers by domain."""

    office: Station
    peers: dict[str, Peer]


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        authority, stranger = Authority(), Authority("Somebody else")
        # An address each: a failed handshake is remembered by address.
        addresses = iter(f"127.0.0.{number}" for number in range(10, 250))
        leaves = {
            "signed.example": authority.issue("signed.example"),
            "selfsigned.example": self_signed("selfsigned.example"),
            "expired.example": authority.issue("expired.example", days=-1),
            "othername.example": authority.issue("other.example"),
            "unknown.example": stranger.issue("unknown.example"),
        }
        peers = {
            domain: stack.enter_context(Peer(next(addresses), context=leaf.context(directory)))
            for domain, leaf in leaves.items()
        }
        usual = leaves["selfsigned.example"].context(directory)
        for name, acts in FAULTS.items():
            for level in ("may", "encrypt"):
                domain = f"{name}-{level}.example"
                peers[domain] = stack.enter_context(Peer(next(addresses), context=usual))
                peers[domain].acts = dict(acts)
        peers["insists.example"] = stack.enter_context(Peer(next(addresses), context=usual))
        peers["clear.example"] = stack.enter_context(Peer(next(addresses)))
        policies = ["clear-please.example:none", "must.example:encrypt", "clear.must.example:encrypt"]
        policies += [f"{domain}.must:verify" for domain in (*GOOD, *BAD)]
        policies += [f"{name}-encrypt.example:encrypt" for name in FAULTS]
        policies += ["named.example:verify:signed.example"]
        routes = {domain: peer.route for domain, peer in peers.items()}
        routes |= {"clear-please.example": routes["signed.example"], "must.example": routes["selfsigned.example"]}
        routes |= {"clear.must.example": routes["clear.example"], "named.example": routes["signed.example"]}
        office = stack.enter_context(
            station(
                "joe",
                smtproutes="".join(f"{domain}:{route}\n" for domain, route in routes.items()),
                tlspolicy="".join(f"{line}\n" for line in policies),
                tlsca="control/authority.pem\n",
                timeoutremote="2\n",
                timeoutconnect="2\n",
                concurrencyremote="100\n",
                prepare=lambda made: made.write("control/authority.pem", authority.pem.decode()),
            )
        )
        for domain in SLOW:
            office.send(f"x@{domain}", sender="joe@test.example", message=SECRET)
        yield Scene(office, peers)


def sent(scene: Scene, domain: str) -> str:
    """Send one message; the outcome of its first delivery."""
    if domain in SLOW:
        return scene.office.outcome(f"x@{domain}", 0, ENOUGH_S)
    since = scene.office.mark()
    scene.office.send(f"x@{domain}", sender="joe@test.example", message=SECRET)
    return scene.office.outcome(f"x@{domain}", since, ENOUGH_S)


def verify(scene: Scene, domain: str) -> None:
    """Demand a verified name for a domain."""
    text = scene.office.town.read_control("tlspolicy")
    scene.office.control(tlspolicy=f"{text}{domain}:verify\n")


@pytest.mark.parametrize("domain", [*GOOD, *BAD])
def test_mail_goes_encrypted_where_that_is_offered(scene: Scene, domain: str) -> None:
    """By default any certificate will do: without TLS it would go in clear."""
    since = scene.office.mark()
    peer = scene.peers[domain]
    assert sent(scene, domain).startswith(f"success: {peer.address}_accepted_message./")
    assert peer.messages[-1].is_tls and peer.messages[-1].body.endswith(b"\r\nfor your eyes only\r\n")
    assert [line.partition(b" ")[0] for line in peer.commands][:4] == [b"EHLO", b"STARTTLS", b"EHLO", b"MAIL"]
    told = scene.office.wait_for(lambda line: line.startswith("tls "), since)
    assert " TLSv1.3 TLS_" in told
    assert told.endswith(" verified") == (domain in GOOD) and ("unverified: " in told) == (domain in BAD), told


def test_a_policy_can_forbid_it(scene: Scene) -> None:
    assert sent(scene, "clear-please.example").startswith("success: ")
    assert not next(
        found for found in scene.peers["signed.example"].messages if b"x@clear-please.example" in found.recipients
    ).is_tls


def test_a_policy_can_demand_it(scene: Scene) -> None:
    assert sent(scene, "must.example").startswith("success: ")
    assert scene.peers["selfsigned.example"].messages[-1].is_tls
    outcome = sent(scene, "clear.must.example")
    assert "_but_it_offers_no_STARTTLS" in outcome and "(#4.7.4)" in outcome
    assert not scene.peers["clear.example"].messages
    assert not [line for line in scene.peers["clear.example"].commands if line.startswith(b"MAIL")]


@pytest.mark.parametrize("domain", [*GOOD, "named.example"])
def test_a_verified_name_is_good_enough(scene: Scene, domain: str) -> None:
    if domain in GOOD:
        verify(scene, domain)
    assert sent(scene, domain).startswith("success: ")
    assert scene.peers["signed.example"].messages[-1].is_tls


@pytest.mark.parametrize("domain", BAD)
def test_without_a_verified_name_nothing_is_sent(scene: Scene, domain: str) -> None:
    before = len(scene.peers[domain].messages)
    verify(scene, domain)
    outcome = sent(scene, domain)
    assert outcome.startswith("deferral: ") and "(#4.7.5)" in outcome, outcome
    assert len(scene.peers[domain].messages) == before


@pytest.mark.parametrize("name", FAULTS)
def test_a_handshake_that_fails_never_leads_to_clear_text_where_that_is_forbidden(scene: Scene, name: str) -> None:
    office, peer = scene.office, scene.peers[f"{name}-encrypt.example"]
    for _ in range(2):
        outcome = sent(scene, f"{name}-encrypt.example")
        assert outcome.startswith("deferral: ") or (outcome.startswith("success: ") and peer.messages[-1].is_tls), (
            outcome
        )
    assert all(message.is_tls for message in peer.messages)
    wait_until(lambda: not peer.current, lambda: "a connection is open", ENOUGH_S)
    assert not any("stolen" in line for line in office.log)


@pytest.mark.parametrize("name", FAULTS)
def test_a_handshake_that_fails_costs_no_mail_where_clear_text_is_allowed(scene: Scene, name: str) -> None:
    office, peer = scene.office, scene.peers[f"{name}-may.example"]
    outcome = sent(scene, f"{name}-may.example")
    assert outcome.partition(":")[0] in ("success", "deferral")
    for _ in range(3):
        if outcome.startswith("success: ") or name == "silent":
            break
        outcome = office.outcome(f"x@{name}-may.example", office.alarm(), ENOUGH_S)
    if name in ("silent", "inject", "pieces"):
        # As dead as one that says nothing to MAIL; and somebody is at work on the way.
        assert outcome.startswith("deferral: ") and not peer.messages
        return
    assert outcome.startswith(f"success: {peer.address}_accepted_message./Remote_host_said:_250_2.0.0_queued"), outcome
    assert len(peer.messages) == 1 and peer.messages[0].body.endswith(b"\r\nfor your eyes only\r\n")
    assert not any("stolen" in line for line in office.log)


def test_a_server_that_insists_on_tls_after_a_failed_handshake_gets_the_mail_later(scene: Scene) -> None:
    """What is refused only for want of TLS, which we left out because it had failed before, is not refused for good."""

    def insist(conversation: Conversation) -> None:
        conversation.say(b"250 ok\r\n" if conversation.is_tls else b"530 5.7.0 Must issue a STARTTLS command first\r\n")

    office, peer = scene.office, scene.peers["insists.example"]
    peer.acts = {"handshake": vanish, "mail": insist}
    outcome = sent(scene, "insists.example")
    assert outcome.startswith("deferral: "), outcome
    outcome = office.outcome("x@insists.example", office.alarm(), ENOUGH_S)
    assert outcome.startswith("deferral: "), outcome
    del peer.acts["handshake"]
    for _ in range(3):
        outcome = office.outcome("x@insists.example", office.alarm(), ENOUGH_S)
        if outcome.startswith("success: "):
            break
    assert outcome.startswith("success: ") and peer.messages[0].is_tls


def test_to_postfix_with_tls(scene: Scene, open_directory: str) -> None:
    path = self_signed("pf.example").write(open_directory)
    with Peer() as sink, Postfix(open_directory, "pf.example", {"pf.example": f"[127.0.0.1]:{sink.port}"}) as postfix:
        postfix.start(smtpd_tls_security_level="encrypt", smtpd_tls_chain_files=path, smtpd_tls_received_header="yes")
        routes = scene.office.town.read_control("smtproutes")
        scene.office.control(smtproutes=f"{routes}pf.example:{postfix.route}\n")
        assert sent(scene, "pf.example").startswith("success: 127.0.0.1_accepted_message./"), postfix.log()
        wait_until(lambda: sink.messages, postfix.log)
        assert b"using TLSv1.3 with cipher TLS_" in sink.messages[0].body


def test_nothing_else_was_said_in_the_log(scene: Scene) -> None:
    assert not [line for line in scene.office.log if "Traceback" in line or "Unhandled" in line or "alert:" in line]
