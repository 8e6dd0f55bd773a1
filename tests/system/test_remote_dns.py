"""Where mail goes by DNS: a real DNS server, port 25 of addresses that are not ours, in a network of its own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.support.network import BlackHole, has_ipv6, private_network
from tests.support.peers import Peer, then_drop
from tests.support.postfix import Postfix
from tests.support.qmtp_peer import QmtpPeer
from tests.support.remote import Station, station, wait_until
from tests.support.zone import Fault, Zone

pytestmark = [
    pytest.mark.system,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a network of its own"),
]

JOE = "joe@test.example"
ZONE = """
pref.example. MX 20 good1.example.
pref.example. MX 10 closed.example.
*.equal.example. MX 5 good1.example.
*.equal.example. MX 5 good2.example.
busy.example. MX 1 busy.example.
busy.example. MX 2 good1.example.
busy.example. A 192.0.2.5
refuser.example. MX 1 refuser-mx.example.
refuser.example. MX 2 good1.example.
refuser-mx.example. A 192.0.2.6
plain.example. A 192.0.2.1
alias.example. CNAME plain.example.
aliased.example. CNAME pref.example.
target-alias.example. MX 1 alias.example.
null.example. MX 0 .
nowhere.example. MX 1 absent.example.
nomail.example. TXT "no mail here"
lit.example. MX 1 good1.example.
big.example. A 192.0.2.1
six.example. MX 1 six-mx.example.
six-mx.example. AAAA 2001:db8::25
both.example. MX 1 both-mx.example.
both-mx.example. A 192.0.2.99
both-mx.example. AAAA 2001:db8::25
self.example. MX 10 self-mx.example.
self.example. MX 20 good1.example.
self-mx.example. A 127.0.0.1
below.example. MX 10 closed.example.
below.example. MX 20 self-mx.example.
below.example. MX 30 good1.example.
nat.example. MX 10 nat-mx.example.
nat-mx.example. A 192.0.2.77
hole.example. MX 1 hole-mx.example.
hole.example. MX 2 good2.example.
hole-mx.example. A 192.0.2.8
holeonly.example. A 192.0.2.8
fast.example. MX 12801 qmtp-mx.example.
qmtp-mx.example. A 192.0.2.9
slowpath.example. MX 12801 good1.example.
outgoing.example. A 192.0.2.1
closed.example. A 192.0.2.98
good1.example. A 192.0.2.1
good2.example. A 192.0.2.2
*.many.example. MX 1 good1.example.
servfail.example. MX 1 good1.example.
silent.example. MX 1 good1.example.
lame.example. MX 1 good1.example.
truncate.example. MX 1 good1.example.
liar.example. MX 1 good1.example.
garbage.example. MX 1 good1.example.
noedns.example. MX 1 good1.example.
oldhost.example. MX 1 silenttarget.example.
oldhost.example. MX 2 good2.example.
silenttarget.example. A 192.0.2.2
""" + "".join(f"big.example. MX {number + 2} m{number}.big.example.\n" for number in range(1000))
# The first server of two: what it says of these names must not be believed, or waited for.
FIRST = {
    "servfail.example": Fault.SERVFAIL,
    "silent.example": Fault.SILENT,
    "lame.example": Fault.LAME,
    "truncate.example": Fault.TRUNCATE,
    "liar.example": Fault.LIES_FIRST,
    "garbage.example": Fault.GARBAGE,
    "noedns.example": Fault.NO_EDNS,
    "silenttarget.example": Fault.SERVFAIL,
}
BOTH = {
    "down.example": Fault.SERVFAIL,
    "tcpdead.example": Fault.TCP_DEAD,
    "silenttarget.example": Fault.SERVFAIL,
}
# These take as long as the DNS may; they are sent first.
SLOW = ("found@silent.example", "found@hole.example")


class Net(NamedTuple):
    """Everybody in it."""

    office: Station
    first: Zone
    second: Zone
    peers: dict[str, Peer]
    qmtp: QmtpPeer
    alone: Station  # with one DNS server, which never answers


@pytest.fixture(scope="module")
def net() -> Iterator[Net]:
    with contextlib.ExitStack() as stack:
        stack.enter_context(private_network())
        first = stack.enter_context(Zone(ZONE, "127.0.0.53"))
        second = stack.enter_context(Zone(ZONE, "127.0.0.54"))
        first.faults, second.faults = {**FIRST, **BOTH}, dict(BOTH)
        peers = {address: stack.enter_context(Peer(address, 25)) for address in ("192.0.2.1", "192.0.2.2")}
        peers["192.0.2.5"] = stack.enter_context(Peer("192.0.2.5", 25, greeting=then_drop(b"421 busy\r\n")))
        peers["192.0.2.6"] = stack.enter_context(Peer("192.0.2.6", 25, greeting=then_drop(b"450 not now\r\n")))
        peers["127.0.0.1"] = stack.enter_context(Peer("127.0.0.1", 25))
        peers["192.0.2.77"] = stack.enter_context(Peer("192.0.2.77", 25))
        if has_ipv6("2001:db8::25"):
            peers["2001:db8::25"] = stack.enter_context(Peer("2001:db8::25", 25))
        qmtp = stack.enter_context(QmtpPeer("192.0.2.9", 209))
        stack.enter_context(BlackHole("192.0.2.8", 25))
        office = stack.enter_context(
            station(
                "joe",
                nameservers=f"{first.nameserver}\n{second.nameserver}\n",
                timeoutconnect="1\n",
                timeoutremote="5\n",
                concurrencyremote="50\n",
                localaddresses="192.0.2.77\n",
            )
        )
        for recipient in SLOW:
            office.send(recipient, sender=JOE)
        mute = stack.enter_context(Zone("", "127.0.0.55"))
        mute.faults[""] = Fault.SILENT
        alone = stack.enter_context(station("joe", nameservers=f"{mute.nameserver}\n"))
        alone.queue("lost@mute.example", JOE)
        yield Net(office, first, second, peers, qmtp, alone)


def sent(net: Net, domain: str, local: str = "x", sender: str = JOE) -> str:
    """Send one message; the outcome of its first delivery."""
    since = net.office.mark()
    recipient = f"{local}@{domain}"
    if recipient in SLOW:
        since = 0
    else:
        net.office.queue(recipient, sender)
    return net.office.outcome(recipient, since, 60)


def received(net: Net, address: str, recipient: str) -> int:
    """How many messages for a recipient a peer has."""
    return net.peers[address].recipients().count(recipient.encode())


@pytest.mark.parametrize(
    ("domain", "address"),
    [
        ("pref.example", "192.0.2.1"),
        ("busy.example", "192.0.2.1"),
        ("refuser.example", "192.0.2.1"),
        ("plain.example", "192.0.2.1"),
        ("PLAIN.Example", "192.0.2.1"),
        ("alias.example", "192.0.2.1"),
        ("aliased.example", "192.0.2.1"),
        ("target-alias.example", "192.0.2.1"),
        ("any.many.example", "192.0.2.1"),
        ("[192.0.2.2]", "192.0.2.2"),
        ("hole.example", "192.0.2.2"),
        ("slowpath.example", "192.0.2.1"),
        ("servfail.example", "192.0.2.1"),
        ("silent.example", "192.0.2.1"),
        ("lame.example", "192.0.2.1"),
        ("truncate.example", "192.0.2.1"),
        ("liar.example", "192.0.2.1"),
        ("garbage.example", "192.0.2.1"),
        ("noedns.example", "192.0.2.1"),
        ("oldhost.example", "192.0.2.2"),
    ],
)
def test_mail_finds_its_host(net: Net, domain: str, address: str) -> None:
    """S218, S222: by preference, past closed, busy and silent hosts, and DNS servers that fail, lie or are lame."""
    outcome = sent(net, domain, "found")
    assert outcome.startswith(f"success: {address}_accepted_message./Remote_host_said:_250_2.0.0_queued"), outcome
    assert received(net, address, f"found@{domain}") == 1
    assert sum(received(net, other, f"found@{domain}") for other in net.peers) == 1


@pytest.mark.parametrize(
    ("domain", "words"),
    [
        ("absent.example", "failure: Sorry,_I_couldn't_find_any_host_named_absent.example._(#5.1.2)/"),
        ("null.example", "failure: "),
        ("nowhere.example", "failure: Sorry,_I_couldn't_find_a_mail_exchanger_or_IP_address._(#5.4.4)/"),
        ("self.example", "failure: Sorry._Although_I'm_listed_as_a_best-preference_MX_or_A_for_that_host,/"),
        ("nat.example", "failure: Sorry._Although_I'm_listed_as_a_best-preference_MX_or_A_for_that_host,/"),
        ("[127.0.0.1]", "failure: Sorry._Although_I'm_listed"),
        ("nomail.example", "failure: Sorry,_I_couldn't_find_"),
        ("down.example", "deferral: Sorry,_I_couldn't_find_any_host_by_that_name._(#4.1.2)/"),
        ("tcpdead.example", "deferral: "),
        ("below.example", "deferral: Sorry,_I_wasn't_able_to_establish_an_SMTP_connection."),
        ("holeonly.example", "deferral: Sorry,_I_wasn't_able_to_establish_an_SMTP_connection."),
    ],
)
def test_mail_that_has_no_host(net: Net, domain: str, words: str) -> None:
    """S218, S222: permanent only when the DNS says so or we are the best host ourselves."""
    sender = "" if words.startswith("failure") else JOE
    net.office.town.alias("postmaster", "#\n")
    outcome = sent(net, domain, "lost", sender)
    assert outcome.startswith(words), outcome
    assert not any(received(net, address, f"lost@{domain}") for address in net.peers)


def test_a_host_that_takes_no_mail_says_so(net: Net) -> None:
    """RFC 7505: the null MX is 5.1.10."""
    assert "5.1.10" in sent(net, "null.example", "null")


def test_equal_hosts_share_the_work(net: Net) -> None:
    """S218: in random order; with 30 domains the chance that one gets none is one in 500 million."""
    names = [f"e@d{number}.equal.example" for number in range(30)]
    net.office.send_many((JOE, name, b"x\n") for name in names)
    for name in names:
        assert net.office.outcome(name).startswith("success: ")
    shares = [
        sum(name.endswith(b".equal.example") for name in net.peers[at].recipients())
        for at in ("192.0.2.1", "192.0.2.2")
    ]
    assert sum(shares) == 30 and all(shares)


def test_a_thousand_records_come_over_tcp(net: Net) -> None:
    """S222."""
    outcome = sent(net, "big.example", "big")
    assert outcome.startswith("failure: Sorry,_I_couldn't_find_a_mail_exchanger"), (
        outcome
    )  # none of them has an address
    assert ("big.example", "MX", "tcp") in net.first.queries + net.second.queries
    net.second.load(ZONE + "m999.big.example. A 192.0.2.2\n")
    net.first.load(ZONE + "m999.big.example. A 192.0.2.2\n")


def test_equal_hosts_share_a_burst(net: Net) -> None:
    """Messages for one domain; none of the two is likely to be left out (one in a million)."""
    net.office.control(remoteidle="0\n", remotemessages="1\n")
    names = [f"b{number}@burst.equal.example" for number in range(21)]
    net.office.send_many((JOE, name, b"x\n") for name in names)
    for name in names:
        assert net.office.outcome(name).startswith("success: ")
    for address in ("192.0.2.1", "192.0.2.2"):
        assert any(name.endswith(b"@burst.equal.example") for name in net.peers[address].recipients())
    net.office.control(remoteidle=None, remotemessages=None)


@pytest.mark.parametrize("domain", ["six.example", "[IPv6:2001:db8::25]"])
def test_mail_goes_over_ipv6(net: Net, domain: str) -> None:
    if "2001:db8::25" not in net.peers:
        pytest.skip("no IPv6 here")
    assert sent(net, domain, "six").startswith("success: 2001:db8::25_accepted_message./")
    assert received(net, "2001:db8::25", f"six@{domain}") == 1


def test_mail_goes_over_ipv6_where_ipv4_is_dead(net: Net) -> None:
    if "2001:db8::25" not in net.peers:
        pytest.skip("no IPv6 here")
    assert sent(net, "both.example", "both").startswith("success: 2001:db8::25_accepted_message./")
    net.office.control(outgoingfamilies="ipv4\n")
    assert sent(net, "both.example", "four").startswith("deferral: ")
    net.office.control(outgoingfamilies=None)


def test_mail_leaves_from_the_address_of_its_sender(net: Net) -> None:
    net.office.control(outgoingip="192.0.2.31\nspecial.example:192.0.2.32\n")
    assert sent(net, "outgoing.example", "one").startswith("success: ")
    assert sent(net, "outgoing.example", "two", "s@special.example").startswith("success: ")
    found = {message.recipients: message.client for message in net.peers["192.0.2.1"].messages}
    assert found[(b"one@outgoing.example",)] == "192.0.2.31"
    assert found[(b"two@outgoing.example",)] == "192.0.2.32"
    net.office.control(outgoingip=None)


def test_a_preference_can_announce_qmtp(net: Net) -> None:
    """S226: MXPS, with SMTP where the QMTP port is closed (slowpath.example above)."""
    net.qmtp.verdicts[b"never@fast.example"] = b"Dno such user"
    net.qmtp.verdicts[b"later@fast.example"] = b"Zcome back"
    message = b"Subject: fast\n\n.\nhello\n"
    since = net.office.mark()
    net.office.send("yes@fast.example", "never@fast.example", "later@fast.example", sender=JOE, message=message)
    assert "192.0.2.9_accepted_message" in net.office.outcome("yes@fast.example", since)
    assert net.office.outcome("never@fast.example", since).startswith("failure: ")
    assert net.office.outcome("later@fast.example", since).startswith("deferral: ")
    assert all(found.body.startswith(b"\n") and found.body.endswith(message) for found in net.qmtp.messages)
    since = net.office.mark()
    net.qmtp.answer = lambda body: b"garbage"
    net.office.send("odd@fast.example")
    assert net.office.outcome("odd@fast.example", since).startswith("deferral: ")
    net.qmtp.answer = lambda body: b""
    net.office.send("gone@fast.example")
    assert net.office.outcome("gone@fast.example", since).startswith("deferral: ")
    net.qmtp.answer = None


def test_a_host_that_never_answers_is_left_alone_for_a_while(net: Net) -> None:
    """S219: qmail-tcpto names it; after qmail-tcpok and ALRM it is tried again."""
    office = net.office
    for _ in range(2):
        sent(net, "holeonly.example", "hole")
    assert "192.0.2.8 timed out " in office.town.run("qmail-tcpto")
    assert " recent timeouts: " in office.town.run("qmail-tcpto")
    office.town.run("qmail-tcpok")
    assert office.town.run("qmail-tcpto") == ""


def test_a_queued_message_takes_the_new_route_at_its_next_attempt(net: Net) -> None:
    office = net.office
    assert sent(net, "below.example", "rerouted").startswith("deferral: ")
    office.control(smtproutes="below.example:192.0.2.2\n")
    since = office.alarm()
    assert office.outcome("rerouted@below.example", since).startswith("success: 192.0.2.2_accepted_message./")
    office.control(smtproutes=None)


def test_one_question_is_asked_once_for_many_messages(net: Net) -> None:
    for number in range(20):
        net.office.send(f"c{number}@cached.many.example")
    for number in range(20):
        assert net.office.outcome(f"c{number}@cached.many.example").startswith("success: ")
    assert net.first.asked("cached.many.example", "MX") + net.second.asked("cached.many.example", "MX") <= 2


def test_homes_and_postfix_find_each_other(net: Net, open_directory: str) -> None:
    """Everybody on port 25 of an address of his own, with an MX record; nobody has a route."""
    a, b, p = "a.test.", "b.test.", "pf.test."
    text = f"{a} MX 10 mx.{a}\nmx.{a} A 198.51.100.1\n{b} MX 5 mx.{b}\nmx.{b} A 198.51.100.2\n{p} A 198.51.100.3\n"
    with (
        Zone(text) as zone,
        Peer() as sink,
        Postfix(open_directory, "pf.test", {"pf.test": f"[127.0.0.1]:{sink.port}"}, "198.51.100.3") as postfix,
        station("joe", host="a.test", options=listening("198.51.100.1"), nameservers=zone.nameserver) as one,
        station("bob", host="b.test", options=listening("198.51.100.2"), nameservers=zone.nameserver) as two,
    ):
        postfix.port = 25
        postfix.start()
        users = ("bob@b.test", "x@pf.test", "nobody@b.test")
        one.send(*users, sender="joe@a.test", message=b"Subject: by mx\n\n")
        assert one.outcome(users[0]).startswith("success: 198.51.100.2_accepted_message./Remote_host_said:_250_")
        assert one.outcome(users[1]).startswith("success: 198.51.100.3_accepted_message./Remote_host_said:_250_2.0.0")
        assert one.outcome(users[2]).startswith("failure: 198.51.100.2_does_not_like_recipient./")
        two.wait_for_messages("bob", 1)
        wait_until(sink.recipients, postfix.log)
        (bounce,) = one.wait_for_messages("joe", 1)
        assert b"\n<nobody@b.test>:\n" in bounce
        two.send("joe@a.test", sender="bob@b.test", message=b"Subject: back\n\n")
        one.wait_for_messages("joe", 2)
        assert zone.asked("b.test", "MX") and zone.asked("pf.test", "MX")


def listening(address: str) -> tuple[str, str]:
    """Port 25 of one address more."""
    return "--listen", f"smtp=tcp:25:interface={address}"


def test_dns_servers_that_never_answer_defer_the_mail(net: Net) -> None:
    outcome = net.alone.outcome("lost@mute.example")
    assert outcome.startswith("deferral: Sorry,_I_couldn't_find_any_host_by_that_name._(#4.1.2)/"), outcome


def test_nothing_else_was_said_in_the_log(net: Net) -> None:
    assert not [line for line in net.office.log if "Traceback" in line or "Unhandled" in line or "alert:" in line]
