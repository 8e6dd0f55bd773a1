"""What other hosts are told and how they answer, as the documents promise it: silence, bytes, recipients, refusals."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from tests.support.network import BlackHole, has_ipv6
from tests.support.peers import Peer, stall
from tests.support.remote import Station, station, wait_until
from tests.support.town import town

pytestmark = pytest.mark.system

H = "test.example"
JOE = f"joe@{H}"


@pytest.fixture(scope="module")
def office() -> Iterator[Station]:
    with station("joe", "ann", timeoutremote="5\n", timeoutconnect="1\n") as daemon:
        yield daemon


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as made:
        yield made


def test_a_silent_server_defers_after_its_time(office: Station, peer: Peer) -> None:
    """S045: timeoutremote; and timeoutconnect for one that is not there at all."""
    said = office.town.run("qmail-showctl")
    assert "SMTP client connection timeout is 1 seconds" in said and "SMTP client data timeout is 5 seconds" in said
    with station("joe") as plain:
        said = plain.town.run("qmail-showctl")
        assert "SMTP client connection timeout is 60 seconds" in said
        assert "SMTP client data timeout is 1200 seconds" in said
    with BlackHole("127.0.0.1") as hole:
        peer.acts["mail"] = stall
        office.control(
            timeoutremote="2\n", smtproutes=f"mute.example:{peer.route}\nhole.example:127.0.0.1:{hole.port}\n"
        )
        for name, text, least, most in (
            ("x@mute.example", "deferral: Connected_to_127.0.0.1_but_connection_died._(#4.4.2)/", 1.5, 20),
            ("x@hole.example", "deferral: Sorry,_I_wasn't_able_to_establish_an_SMTP_connection.", 0.5, 20),
        ):
            office.send(name)
            assert office.outcome(name).startswith(text)
            _, started, ended = office.attempts(name)[0]
            assert least <= ended - started < most
        office.town.run("qmail-tcpok")
        office.control(timeoutremote="5\n")


def test_down_hosts_are_left_alone(office: Station, peer: Peer) -> None:
    """S219, S055: two timeouts are remembered for an hour; qmail-tcpto shows them, qmail-tcpok forgets them."""
    office.control(smtproutes=f"down.example:{peer.route}\n")
    record = bytes([127, 0, 0, 1, 2, 0, 0, 0]) + int(time.time() - 100).to_bytes(4, "little") + bytes(4)
    with open(f"{office.town.path}/queue/lock/tcpto", "r+b") as stream:
        stream.write(record)
    assert re.fullmatch(
        r"127\.0\.0\.1 timed out 10\d seconds ago; # recent timeouts: 2\n", office.town.run("qmail-tcpto")
    )
    office.send("x@down.example")
    assert office.outcome("x@down.example").startswith(
        "deferral: Sorry,_I_wasn't_able_to_establish_an_SMTP_connection."
    )
    assert peer.connections == 0
    office.town.run("qmail-tcpok")
    since = office.alarm()
    assert office.outcome("x@down.example", since).startswith("success: ")
    assert office.town.run("qmail-tcpto") == ""


def test_down_hosts_are_remembered_over_ipv6_too(office: Station) -> None:
    """S219."""
    if not has_ipv6():
        pytest.skip("no IPv6 here")
    with BlackHole("::1") as hole:
        office.control(smtproutes=f"down6.example:[::1]:{hole.port}\n")
        office.send("x@down6.example")
        assert office.outcome("x@down6.example").startswith(
            "deferral: Sorry,_I_wasn't_able_to_establish_an_SMTP_connection."
        )
        assert re.fullmatch(r"::1 timed out \d+ seconds ago; # recent timeouts: 1\n", office.town.run("qmail-tcpto"))
        office.town.run("qmail-tcpok")
        assert office.town.run("qmail-tcpto") == ""


def test_what_is_in_a_message_arrives(office: Station, peer: Peer) -> None:
    """S220: every byte; bare LF becomes CRLF; dots are doubled on the way."""
    office.control(smtproutes=f":{peer.route}\n")
    body = bytes(value for value in range(1, 256) if value not in b"\r\n")
    office.queue("bytes@far.example", message=b"Subject: x\n\n.\n..\n.a\n" + body + b"\n\nlast\n")
    assert office.outcome("bytes@far.example").startswith("success: ")
    assert peer.messages[0].body.endswith(b"\r\n\r\n.\r\n..\r\n.a\r\n" + body + b"\r\n\r\nlast\r\n")
    assert b"\n" not in peer.messages[0].body.replace(b"\r\n", b"") and not peer.messages[0].body.count(b"\r\r")


def test_a_lone_cr_smuggles_nothing(office: Station, peer: Peer) -> None:
    """A stored CR before a dot never makes an end of data that was none."""
    office.control(smtproutes=f":{peer.route}\n")
    smuggled = (
        b"Subject: x\n\nbefore\r.\r\nMAIL FROM:<evil@far.example>\r\nRCPT TO:<victim@far.example>\r\nDATA\r\nbad\r.\r\n"
    )
    since = office.mark()
    office.queue("lone@far.example", message=smuggled + b"after\n")
    assert office.outcome("lone@far.example", since).startswith("success: ")
    assert [message.recipients for message in peer.messages] == [(b"lone@far.example",)]
    assert peer.messages[0].body.endswith(b"after\r\n")


def test_addresses_give_no_commands(office: Station, peer: Peer) -> None:
    """An address with a line end is refused before anything of it is sent; others go out quoted."""
    office.control(smtproutes=f":{peer.route}\n")
    for recipient, sender in (
        ("a\r\nRSET\r\n@far.example", JOE),
        ("a@far.example\r\nRSET", JOE),
        ("a@far.example", f"joe\nRSET@{H}"),
    ):
        since = office.mark()
        office.queue(recipient, sender)
        told = office.wait_for(lambda line: line.startswith("delivery ") and "did_" not in line, since)
        assert "has_a_character_that_cannot_be_sent_in_SMTP" in told and ": failure: " in told
        office.wait_for_rest()
    assert not [line for line in peer.commands if line.startswith((b"RSET", b"RCPT"))]
    office.queue('a "b"\\c@far.example', JOE)
    wait_until(lambda: peer.messages)
    assert b'RCPT TO:<"a \\"b\\"\\\\c"@far.example>' in peer.commands


def test_recipients_at_one_host(office: Station, peer: Peer) -> None:
    """S221: they share a transaction; those of a VERP sender get one each. Each has its own delivery in the log."""
    office.control(smtproutes=f":{peer.route}\n")
    since = office.mark()
    five = [f"r{number}@shared.example" for number in range(5)]
    peer.verdicts[b"r3@shared.example"] = b"550 5.1.1 no r3 here\r\n"
    peer.verdicts[b"r4@shared.example"] = b"450 4.2.1 r4 is full\r\n"
    office.send(*five, sender=JOE)
    outcomes = [office.outcome(name, since) for name in five]
    assert [outcome.partition(":")[0] for outcome in outcomes] == ["success"] * 3 + ["failure", "deferral"]
    assert outcomes[3].startswith("failure: 127.0.0.1_does_not_like_recipient./Remote_host_said:_550_5.1.1_no_r3_here/")
    assert outcomes[4].startswith(
        "deferral: 127.0.0.1_does_not_like_recipient./Remote_host_said:_450_4.2.1_r4_is_full/"
    )
    assert [message.recipients for message in peer.messages] == [tuple(name.encode() for name in five[:3])]
    numbers = [line.split()[2] for line in office.log[since:] if line.startswith("starting delivery ")]
    assert len(numbers) >= 5 and len(set(numbers)) == len(numbers)
    del peer.messages[:]
    names = [f"v{number}@verp.example" for number in range(5)]
    office.send(*names, sender=f"list-@{H}-@[]")
    for name in names:
        assert office.outcome(name).startswith("success: ")
    senders = {message.recipients[0]: message.sender.partition(b">")[0] + b">" for message in peer.messages}
    assert senders == {name.encode(): f"<list-{name.replace('@', '=')}@{H}>".encode() for name in names}
    peer.verdicts.clear()
    office.control(rcptspertransaction="2\n")
    del peer.messages[:]
    since = office.mark()
    office.send(*(f"t{number}@pairs.example" for number in range(5)), sender=JOE)
    for number in range(5):
        assert office.outcome(f"t{number}@pairs.example", since).startswith("success: ")
    assert sorted(len(message.recipients) for message in peer.messages) == [1, 2, 2]
    office.control(rcptspertransaction=None)


def test_remote_refusals_and_deferrals(office: Station, peer: Peer) -> None:
    """S225: 5xx bounces with the other side's words, 4xx is tried again."""
    office.control(smtproutes=f":{peer.route}\n")
    office.town.forget("ann")
    peer.verdicts[b"no@far.example"] = b"550-no such user\r\n550 at all\r\n"
    office.send("no@far.example", sender=f"ann@{H}")
    (bounce,) = office.wait_for_messages("ann", 1)
    assert (
        b"\n<no@far.example>:\n127.0.0.1 does not like recipient.\nRemote host said: 550-no such user\n550 at all\n"
        b"Giving up on 127.0.0.1.\n\n"
    ) in bounce
    peer.verdicts[b"later@far.example"] = b"451 come back\r\n"
    office.send("later@far.example", sender=f"ann@{H}")
    assert office.outcome("later@far.example").startswith(
        "deferral: 127.0.0.1_does_not_like_recipient./Remote_host_said:_451_"
    )
    del peer.verdicts[b"later@far.example"]
    since = office.alarm()
    assert office.outcome("later@far.example", since).startswith("success: ")
    assert len(office.town.messages("ann")) == 1


def test_four_hundred_at_once() -> None:
    """S026: concurrencyremote beyond qmail's 120, with no other limit in the way."""
    with Peer(greeting=stall) as peer, town("joe") as made:
        made.write("control/smtproutes", f":{peer.route}\n")
        made.write("control/tcprules", '127.:allow,RELAYCLIENT=""\n:allow\n')
        made.write("control/concurrencyremote", "400\n")
        office = Station(made)
        office.start()
        try:
            office.wait_for_line("status: local 0/10 remote 0/400")
            for place in range(40):
                office.send_many((JOE, f"x{number}@d{place}.example", b"x\n") for number in range(10))
            office.wait_for_line("status: local 0/10 remote 400/400")
            wait_until(lambda: peer.current == 400, lambda: peer.current)
        finally:
            office.kill()
