"""AutoTURN, ETRN and recorded sessions in a real daemon."""

from __future__ import annotations

import fcntl
import os
import smtplib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from qmtwist.store.deadhosts import DeadHosts
from qmtwist.store.queue.layout import Layout
from tests.support.daemon import Daemon, Home, environment, mail_owner, running
from tests.support.peers import Peer, stall
from tests.support.qmtp_peer import QmtpPeer

pytestmark = pytest.mark.system

CLIENT = "127.0.0.1"
LIMIT_S = 60.0


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as made:
        yield made


@pytest.fixture
def home(open_directory: str) -> Home:
    """The recipe of serialmail: a virtual domain whose mail goes into a maildir named after the client."""
    made = Home(open_directory, ("alice",))
    made.make()
    uid, gid = mail_owner()
    turn = f"{made.path}/autoturn"
    for path in ("", *(f"/{CLIENT}{part}" for part in ("", "/tmp", "/new", "/cur"))):
        os.mkdir(turn + path, 0o755)
        os.chown(turn + path, uid, gid)
    with open(f"{turn}/.qmail-127:0:0:1-default", "w", encoding="ascii") as stream:
        stream.write(f"./{CLIENT}/\n")
    os.chown(stream.name, uid, gid)
    made.write("control/virtualdomains", f"virt.dom:autoturn-{CLIENT}\n")
    made.write("control/rcpthosts", f"{made.host}\nvirt.dom\n")
    with open(f"{made.path}/users/assign", encoding="ascii") as stream:
        lines = stream.read()
    made.write("users/assign", f"+autoturn-:qmaild:{uid}:{gid}:{turn}:-::\n" + lines)
    subprocess.run([made.program("qmail-newu")], check=True, env=environment())
    return made


def waiting(home: Home) -> list[str]:
    return os.listdir(f"{home.path}/autoturn/{CLIENT}/new")


def until(is_so: Callable[[], object], daemon: Daemon) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < deadline, "\n".join(daemon.log[-40:])
        time.sleep(0.02)


def send(daemon: Daemon, text: str, to: str = "joe@virt.dom", host: str = "localhost") -> None:
    """A message in the maildir; the client that brings it is another one than the one it is for."""
    with smtplib.SMTP(host, daemon.smtp_port, source_address=("127.0.0.9", 0)) as client:
        client.sendmail("ann@far.example", [to], text)


def deposit(daemon: Daemon, text: str, to: str = "joe@virt.dom") -> None:
    before = len(waiting(daemon.home))
    send(daemon, text, to, CLIENT)
    until(lambda: len(waiting(daemon.home)) > before, daemon)
    path = f"{daemon.home.path}/autoturn/{CLIENT}/new"
    for name in os.listdir(path):  # what came in this second is for the next time
        os.utime(f"{path}/{name}", (time.time() - 10,) * 2)


def connect(daemon: Daemon, *commands: str) -> list[str]:
    """A session of the customer; the answers."""
    with (
        socket.create_connection((CLIENT, daemon.smtp_port), timeout=LIMIT_S) as client,
        client.makefile("rwb") as line,
    ):
        answers = [line.readline().decode()]
        for command in (*commands, "QUIT"):
            line.write(command.encode() + b"\r\n")
            line.flush()
            answers.append(line.readline().decode().rstrip())
            while answers[-1][3:4] == "-":
                answers.append(line.readline().decode().rstrip())
        return answers


def test_a_client_that_connects_gets_its_mail_back_over_one_connection(home: Home, peer: Peer) -> None:
    """S294."""
    home.write("control/autoturn", f"{CLIENT}:{CLIENT}:smtp:{peer.port}\n")
    with running(Daemon(home)) as daemon:
        deposit(daemon, "Subject: one\n\none\n")
        deposit(daemon, "Subject: two\n\ntwo\n", "ann@virt.dom")
        assert peer.connections == 0
        connect(daemon)
        until(lambda: not waiting(home), daemon)
        assert (sorted(peer.recipients()), peer.connections) == ([b"ann@virt.dom", b"joe@virt.dom"], 1)
        assert peer.messages[0].sender.startswith(b"<ann@far.example>")
        assert b"Delivered-To" not in peer.messages[0].body and b"Return-Path" not in peer.messages[0].body
        until(lambda: [line for line in daemon.log if "autoturn 127.0.0.1: " in line and "succeeded" in line], daemon)
        # nothing waits: no connection
        connect(daemon)
        assert peer.connections == 1


def test_mail_goes_back_by_qmtp_where_the_line_says_so(home: Home) -> None:
    with QmtpPeer() as peer, running(Daemon(home)) as daemon:
        home.write("control/autoturn", f"127.0.0.0/29:autoturn-{CLIENT}-=./{CLIENT}/:qmtp:{peer.port}\n")
        deposit(daemon, "Subject: one\n\none\n")
        time.sleep(1.1)  # the daemon looks at control files once a second
        connect(daemon)
        until(lambda: not waiting(home), daemon)
        assert [message.recipients for message in peer.messages] == [(b"joe@virt.dom",)]


def test_what_the_client_refuses_stays_and_is_not_offered_again_at_once(home: Home, peer: Peer) -> None:
    home.write("control/autoturn", f"{CLIENT}:{CLIENT}:{peer.port}\n")
    peer.verdicts[b"joe@virt.dom"] = b"450 4.2.1 not now\r\n"
    with running(Daemon(home)) as daemon:
        deposit(daemon, "Subject: one\n\none\n")
        connect(daemon)
        until(lambda: [line for line in daemon.log if "something is left" in line], daemon)
        assert len(waiting(home)) == 1
        connect(daemon)
        answers = connect(daemon, "EHLO c", "ETRN virt.dom")  # who asks is served
        assert "250-ETRN" in answers
        until(lambda: peer.connections == 2, daemon)
        assert len(waiting(home)) == 1


def test_etrn_is_for_the_client_whose_mail_it_is(home: Home, peer: Peer) -> None:
    home.write("control/autoturn", f"{CLIENT}:{CLIENT}:{peer.port}\n")
    with running(Daemon(home)) as daemon:
        deposit(daemon, "Subject: one\n\none\n")
        answers = connect(daemon, "HELO c", "ETRN", "ETRN other.dom", "MAIL FROM:<>", "ETRN virt.dom")
        assert [answer[:3] for answer in answers[2:6]] == ["501", "459", "250", "503"]
        # the end of a session before may have begun a run
        began = "250 OK, queuing for node virt.dom started"
        until(lambda: connect(daemon, "HELO c", "ETRN virt.dom")[2] == began, daemon)
        until(lambda: not waiting(home), daemon)
        assert peer.recipients() == [b"joe@virt.dom"]


def test_etrn_is_unknown_to_those_whom_no_rule_allows_it(home: Home) -> None:
    with running(Daemon(home)) as daemon:
        answers = connect(daemon, "EHLO c", "ETRN virt.dom")
        assert "250-ETRN" not in answers and "502 5.5.1 unimplemented (#5.5.1)" in answers


def test_a_rule_lets_a_client_have_a_domains_queue_tried_now(home: Home, peer: Peer) -> None:
    home.write("control/tcprules", f'{CLIENT}:allow,RELAYCLIENT="",ETRN="far.dom"\n')
    home.write("control/smtproutes", f"far.dom:{peer.address}:{peer.port}\n:127.0.0.1:1\n")
    peer.acts["greeting"] = lambda conversation: conversation.say(b"421 later\r\n")
    with running(Daemon(home)) as daemon:
        with smtplib.SMTP(CLIENT, daemon.smtp_port) as client:
            client.sendmail("ann@x.example", ["joe@far.dom"], "Subject: one\n\none\n")
        until(lambda: [line for line in daemon.log if "deferral" in line], daemon)
        del peer.acts["greeting"]
        answers = connect(daemon, "HELO c", "ETRN other.dom", "ETRN #far.dom", "ETRN far.dom")
        assert [answer[:3] for answer in answers[2:4]] == ["459", "459"]
        assert answers[4] == "253 OK, 1 pending messages for node far.dom started"
        until(lambda: peer.recipients() == [b"joe@far.dom"], daemon)
        nothing = "251 OK, no messages waiting for node far.dom"
        until(lambda: connect(daemon, "HELO c", "ETRN far.dom")[2] == nothing, daemon)


def test_etrn_forgets_that_the_hosts_of_the_domain_were_dead(home: Home, peer: Peer) -> None:
    home.write("control/tcprules", f'{CLIENT}:allow,RELAYCLIENT="",ETRN=".far.dom"\n')
    home.write("control/smtproutes", f".far.dom:{peer.address}:{peer.port}\n:127.0.0.1:1\n")
    dead = DeadHosts(Layout(f"{home.path}/queue").tcpto)
    with running(Daemon(home)) as daemon:
        for address in (peer.address, "192.0.2.1"):
            for ago_s in (600, 300):
                dead.timed_out(address, int(time.time()) - ago_s)
            assert dead.is_dead(address, int(time.time()), 1)
        with smtplib.SMTP(CLIENT, daemon.smtp_port) as client:
            client.sendmail("ann@x.example", ["joe@a.far.dom"], "Subject: one\n\none\n")
        until(lambda: [line for line in daemon.log if "deferral" in line], daemon)
        assert peer.connections == 0
        answers = connect(daemon, "HELO c", "ETRN @x.far.dom", "ETRN @b.a.far.dom", "ETRN a.far.dom")
        assert [answer[:3] for answer in answers[2:5]] == ["251", "251", "253"]
        until(lambda: peer.recipients() == [b"joe@a.far.dom"], daemon)
        assert [record.address for record in dead.records()] == ["192.0.2.1"]


def test_the_sessions_of_listed_clients_are_in_the_log_without_passwords(home: Home) -> None:
    home.write("control/recordio", "127.0.0.0/31\n")
    with running(Daemon(home)) as daemon:
        connect(daemon, "HELO c", "AUTH PLAIN c2VjcmV0")
        until(lambda: [line for line in daemon.log if "AUTH PLAIN ****** " in line], daemon)
        with socket.create_connection((CLIENT, daemon.pop3_port), timeout=LIMIT_S) as pop, pop.makefile("rwb") as line:
            line.readline()
            for command in (b"USER alice", b"PASS alice-password", b"QUIT"):
                line.write(command + b"\r\n")
                line.flush()
                assert line.readline().startswith(b"+OK")
        until(lambda: [line for line in daemon.log if "recordio pop3" in line and "< [EOF]" in line], daemon)
        recorded = [line for line in daemon.log if "recordio " in line]
        assert any(" < HELO c " in line for line in recorded) and any(" > 220 " in line for line in recorded)
        assert any(" < PASS ****** " in line for line in recorded)
        assert not [line for line in recorded if "alice-password" in line or "c2Vj" in line]


def test_while_another_process_holds_the_lock_nothing_is_sent(home: Home, peer: Peer) -> None:
    home.write("control/autoturn", f"{CLIENT}:{CLIENT}:{peer.port}\n")
    with running(Daemon(home)) as daemon:
        with open(f"{home.path}/autoturn/{CLIENT}/seriallock", "ab") as lock:
            os.chown(lock.name, *mail_owner())
            fcntl.flock(lock, fcntl.LOCK_EX)
            deposit(daemon, "Subject: one\n\none\n")  # a session of the customer, too
            since = len(daemon.log)
            connect(daemon)
            until(lambda: [line for line in daemon.log[since:] if "another process is sending it" in line], daemon)
            assert (len(waiting(home)), peer.connections) == (1, 0)
        connect(daemon)
        until(lambda: not waiting(home), daemon)


def test_one_run_at_a_time_and_a_stop_does_not_wait_for_it(home: Home, peer: Peer) -> None:
    home.write("control/autoturn", f"{CLIENT}:{CLIENT}:{peer.port}\n")
    peer.acts["greeting"] = stall
    with running(Daemon(home)) as daemon:
        deposit(daemon, "Subject: one\n\none\n")
        connect(daemon)
        until(lambda: peer.connections, daemon)
        answers = connect(daemon, "HELO c", "ETRN virt.dom")
        assert answers[2] == "458 Unable to queue messages for node virt.dom (#4.3.2)"
        began = time.monotonic()
        daemon.stop()
        assert time.monotonic() - began < 15
    assert (len(waiting(home)), peer.connections) == (1, 1)


def test_a_maildir_that_is_not_there_is_said_in_the_log(home: Home, peer: Peer) -> None:
    home.write("control/autoturn", f"{CLIENT}:autoturn-{CLIENT}-=nowhere:{peer.port}\n")
    with running(Daemon(home)) as daemon:
        connect(daemon)
        until(lambda: [line for line in daemon.log if "nowhere: file does not exist" in line], daemon)
