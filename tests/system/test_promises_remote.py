"""Remote delivery as the documents promise it; what needs DNS or other servers' faults stands in test_remote_*.py."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.support.daemon import LIMIT_S, environment, free_port, running
from tests.support.network import BlackHole, has_ipv6, private_network
from tests.support.peers import Peer, QmtpPeer, reply, stall
from tests.support.processes import tree
from tests.support.remote import Station, station, wait_until
from tests.support.town import town
from tests.support.zone import Zone

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


def test_inject_to_another_machine(office: Station, peer: Peer) -> None:
    """S217, S080, S081, S083, TEST 14: `echo to: me@wherever | qmail-inject`, and every line that the log has of it."""
    office.control(smtproutes=f"wherever.example:{peer.route}\n")
    since = office.mark()
    program = f"{office.town.path}/bin/qmail-inject"
    ended = office.town.attempt(
        "/bin/sh", "-c", f"echo to: me@wherever.example | {program}", user="joe", more={"USER": "joe"}
    )
    assert ended.returncode == 0, ended
    office.outcome("me@wherever.example", since)
    told = office.wait_for(lambda line: line.startswith("end msg "), since)
    number = told.split()[2]
    lines = [line for line in office.log[since:] if not line.startswith(("status: local 1", "tls "))]
    assert lines[0] == f"new msg {number}"
    assert re.fullmatch(rf"info msg {number}: bytes \d+ from <joe@{H}> qp \d+ uid \d+", lines[1])
    started = re.fullmatch(rf"starting delivery (\d+): msg {number} to remote me@wherever\.example", lines[2])
    assert started and lines[3] == "status: local 0/10 remote 1/20"
    assert lines[4].startswith(
        f"delivery {started[1]}: success: 127.0.0.1_accepted_message./Remote_host_said:_250_2.0.0_queued_as_1/"
    )
    assert lines[5:7] == ["status: local 0/10 remote 0/20", f"end msg {number}"]
    (message,) = peer.messages
    assert message.sender.startswith(f"<joe@{H}>".encode()) and b"\r\nto: me@wherever.example\r\n" in message.body


def test_the_name_in_the_greeting(office: Station, peer: Peer) -> None:
    """S032: helohost, else me; with HELO as well as with EHLO."""
    office.control(smtproutes=f":{peer.route}\n", remoteidle="0\n")
    office.send("a@one.example")
    assert office.outcome("a@one.example").startswith("success: ")
    assert peer.messages[0].greeted == f"EHLO {H}".encode()
    office.control(helohost="outside.example\n")
    office.send("a@two.example")
    assert office.outcome("a@two.example").startswith("success: ")
    assert peer.messages[1].greeted == b"EHLO outside.example"
    peer.acts["ehlo"] = reply(b"500 what?\r\n")
    office.send("a@three.example")
    assert office.outcome("a@three.example").startswith("success: ")
    assert peer.messages[2].greeted == b"HELO outside.example"
    office.control(helohost=None, remoteidle=None)


def test_routes(office: Station) -> None:
    """S044, S049, S136, S137, S128: by domain, by suffix, for all; the name as `[ip]`; an empty relay means the DNS."""
    with Peer() as one, Peer() as two, Peer() as rest, Zone("dns.rest.example. MX 1 closed.example.\n") as zone:
        office.control(
            nameservers=zone.nameserver,
            smtproutes=f"exact.example:[127.0.0.1]:{one.port}\n.sub.example:127.0.0.1:{two.port}\n"
            f"deep.sub.example:{one.route}\ndns.rest.example:\ntwice.example:{two.route}\ntwice.example:{one.route}\n"
            f":127.0.0.1:{rest.port}\n",
        )
        wanted = {
            "a@exact.example": one,
            "a@EXACT.Example": one,
            "a@x.exact.example": rest,
            "a@x.sub.example": two,
            "a@x.y.sub.example": two,
            "a@sub.example": rest,
            "a@deep.sub.example": one,
            "a@twice.example": one,
            "a@anywhere.example": rest,
        }
        for recipient, peer in wanted.items():
            office.send(recipient, sender=JOE)
            assert office.outcome(recipient).startswith("success: ")
            assert recipient.encode() in peer.recipients()
        office.send("a@dns.rest.example", sender=JOE)
        assert office.outcome("a@dns.rest.example").startswith("failure: Sorry,_I_couldn't_find_a_mail_exchanger")
        assert zone.asked("dns.rest.example", "MX") == 1
        assert not zone.asked("exact.example")
    office.control(nameservers="127.0.0.1 1\n")


def test_a_null_client(peer: Peer) -> None:
    """S136: no name is local, one relay takes everything, bounces too."""
    with station("joe", locals="", smtproutes=f":{peer.route}\n") as client:
        client.queue(JOE, JOE)
        assert client.outcome(JOE).startswith("success: ")
        peer.verdicts[b"no@far.example"] = b"550 no\r\n"
        client.queue("no@far.example", JOE)
        wait_until(lambda: len(peer.messages) == 2, lambda: "\n".join(client.log[-20:]))
        assert peer.recipients() == [JOE.encode()] * 2 and peer.messages[1].sender.startswith(b"<>")


def test_without_dns_routes_are_enough(office: Station, peer: Peer) -> None:
    """S223: and what has no route is deferred, with the documents' reason."""
    office.control(nameservers=f"127.0.0.1 {free_port()}\n", smtproutes=f"far.example:[127.0.0.1]:{peer.port}\n")
    office.send("nodns@far.example")
    assert office.outcome("nodns@far.example").startswith("success: ")
    office.send("nodns@other.example")
    outcome = office.outcome("nodns@other.example", limit_s=60)
    assert outcome.startswith("deferral: Sorry,_I_couldn't_find_any_host_by_that_name._(#4.1.2)/")


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


def test_qmtp_by_route(office: Station) -> None:
    """S226: several recipients, each with its own answer."""
    with QmtpPeer() as peer:
        peer.verdicts[b"no@fast.example"] = b"Dno such user"
        office.control(qmtproutes=f"fast.example:{peer.route}\n", smtproutes=None)
        office.send("yes@fast.example", "no@fast.example", sender=JOE, message=b"Subject: x\n\n.\n")
        assert "127.0.0.1_accepted_message" in office.outcome("yes@fast.example")
        assert office.outcome("no@fast.example").startswith("failure: ") and "no_such_user" in office.outcome(
            "no@fast.example"
        )
        assert peer.messages[0].body.startswith(b"\nReceived: ") and peer.messages[0].body.endswith(b"\n\n.\n")
    office.control(qmtproutes=None)


def test_bounces_leave_too(office: Station, peer: Peer) -> None:
    """S122, S123: a bounce goes out with the null sender; if it is refused, the postmaster hears of it."""
    office.control(smtproutes=f":{peer.route}\n")
    office.town.alias("postmaster", f"&ann@{H}\n")
    office.town.forget("ann")
    office.queue(f"joe-nobody@{H}", "author@far.example", b"Subject: bounced\n\n")
    wait_until(lambda: b"author@far.example" in peer.recipients(), lambda: "\n".join(office.log[-20:]))
    (bounce,) = [found for found in peer.messages if found.recipients == (b"author@far.example",)]
    assert bounce.sender.startswith(b"<>") and b"\r\nSubject: failure notice\r\n" in bounce.body
    assert f"\r\n<joe-nobody@{H}>:\r\n".encode() in bounce.body
    peer.verdicts[b"forged@far.example"] = b"550 never heard of\r\n"
    office.queue(f"joe-nobody@{H}", "forged@far.example", b"Subject: twice\n\n")
    (double,) = office.wait_for_messages("ann", 1)
    assert b"the bounce bounced!" in double and b"\n<forged@far.example>:\n" in double


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


def test_with_control_me_alone_mail_goes_out() -> None:
    """S021: no other control file; the servers of resolv.conf are asked."""
    with (
        private_network(),
        town("joe") as made,
        Zone("far.example. MX 1 mx.far.example.\nmx.far.example. A 192.0.2.1\n", "127.0.0.53", 53),
    ):
        if made.space is None:
            pytest.skip("needs a name space of its own")
        for name in os.listdir(f"{made.path}/control"):
            if name != "me":
                os.unlink(f"{made.path}/control/{name}")
        text = f"{made.top}/resolv.conf"
        made.write("../resolv.conf", "nameserver 127.0.0.53\n")
        os.chmod(text, 0o644)
        code = f"from tests.support import privately; privately.bind({text!r}, '/etc/resolv.conf')"
        made.run(shutil.which("python3") or "python3", "-c", code)
        with Peer("192.0.2.1", 25) as peer, running(Station(made)) as office:
            assert isinstance(office, Station)
            office.queue("x@far.example", JOE)
            assert office.outcome("x@far.example").startswith("success: 192.0.2.1_accepted_message./")
            assert len(peer.messages) == 1
            office.queue("x@absent.example", JOE)
            assert office.outcome("x@absent.example").startswith("failure: ")
            wait_until(lambda: b"x@absent.example" in made.read("joe", "Mailbox").encode())


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a network of its own")
@pytest.mark.skipif(not shutil.which("dnsmasq", path="/usr/sbin:/usr/bin"), reason="no dnsmasq here")
def test_other_dns_servers_will_do() -> None:
    """S224: dnsmasq, as a resolver on loopback."""
    with private_network(), Peer("192.0.2.1", 25) as peer:
        port = free_port()
        words = (
            f"--no-daemon --conf-file=/dev/null --port={port} --listen-address=127.0.0.1 --bind-interfaces --no-resolv"
        )
        words += " --no-hosts --mx-host=far.example,mx.far.example,5 --host-record=mx.far.example,192.0.2.1"
        words += " --local=/example/ --user=root"
        server = subprocess.Popen(
            ["dnsmasq", *words.split()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**environment(), "PATH": "/usr/sbin:/usr/bin"},
        )
        try:
            wait_until(lambda: is_listening(port))
            with station("joe", nameservers=f"127.0.0.1 {port}\n") as office:
                office.send("x@far.example", sender=JOE)
                assert office.outcome("x@far.example").startswith("success: 192.0.2.1_")
                office.send("x@absent.example", sender=JOE)
                assert office.outcome("x@absent.example").startswith("failure: Sorry,_I_couldn't_find_any_host_named_")
                assert len(peer.messages) == 1
        finally:
            server.terminate()
            server.wait(10)


def is_listening(port: int) -> bool:
    """Whether somebody takes connections."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: accounts of their own")
def test_who_speaks_to_other_hosts(office: Station, peer: Peer) -> None:
    """S010, S011: the remote agent is qmailr and nobody else; it holds the only sockets to other hosts."""
    peer.acts["mail"] = stall
    office.control(smtproutes=f":{peer.route}\n")
    office.send("who@far.example")
    wait_until(lambda: peer.current)
    sockets = established(peer.port)
    owners = {}
    for pid in tree(office.pid):
        for name in os.listdir(f"/proc/{pid}/fd"):
            link = os.readlink(f"/proc/{pid}/fd/{name}") if os.path.islink(f"/proc/{pid}/fd/{name}") else ""
            if link.startswith("socket:[") and link[8:-1] in sockets:
                owners[pid] = os.stat(f"/proc/{pid}").st_uid
    assert list(owners) == office.remote_agents()
    assert set(owners.values()) == {1006 if office.town.is_real else os.stat(f"/proc/{office.pid}").st_uid}
    assert 0 not in owners.values()
    peer.close()
    assert office.outcome("who@far.example").startswith("deferral: ")


def established(port: int) -> set[str]:
    """The inodes of sockets connected to a loopback port."""
    found = set()
    with open("/proc/net/tcp", encoding="ascii") as stream:
        for line in list(stream)[1:]:
            words = line.split()
            if words[2] == f"0100007F:{port:04X}" and words[3] == "01":
                found.add(words[9])
    return found


def test_a_message_goes_as_soon_as_it_is_queued(office: Station, peer: Peer) -> None:
    """S100, S054: and ALRM tries what was deferred at once."""
    office.control(smtproutes=f":{peer.route}\n")
    peer.acts["rcpt"] = reply(b"450 later\r\n")
    office.send("soon@far.example")
    assert office.outcome("soon@far.example").startswith("deferral: ")
    peer.acts.clear()
    since = office.mark()
    office.signal(signal.SIGALRM)
    assert office.outcome("soon@far.example", since, LIMIT_S).startswith("success: ")
