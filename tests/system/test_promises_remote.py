"""Ways to other hosts as the documents promise them; DNS and other servers' faults have tests of their own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.daemon import LIMIT_S, environment, free_port, running
from tests.support.network import private_network
from tests.support.peers import Peer, reply, stall
from tests.support.processes import tree
from tests.support.qmtp_peer import QmtpPeer
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
