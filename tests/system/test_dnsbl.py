"""Unwanted clients: the real daemon and a DNS server on loopback."""

from __future__ import annotations

import os
import signal
import smtplib
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator

import pytest

from qmtwist.wire.netstring import netstring
from tests.support.daemon import LIMIT_S, Daemon, Home, environment, free_port, qmtwist, running
from tests.support.hub import KINDS, answer_of, anybody
from tests.support.package_service import package, request
from tests.support.zone import Fault, Zone

pytestmark = pytest.mark.system

ZONE = """
2.0.0.127.rbl.example. TXT "Blocked - see http://rbl.example/"
3.0.0.127.codes.example. A 127.0.0.4
4.0.0.127.codes.example. A 127.0.0.9
5.0.0.127.rbl.example. TXT "for everybody but friends"
5.0.0.127.white.example. A 127.0.0.1
6.0.0.127.rbl.example. TXT "our own"
11.0.0.127.codes.example. A 127.0.0.7
8.0.0.127.late.example. TXT "now"
"""
LISTS = """# who is not wanted here
-t 2
-a white.example
-r rbl.example
-b
-r codes.example=127.0.0.2-7:%IP% is a bad place
"""
RULES = '127.0.0.6:allow,RELAYCLIENT=""\n127.0.0.7:allow,RBLSMTPD="-we know you"\n:allow\n'


class Place:
    """The daemon, its home and the DNS server that it asks."""

    def __init__(self, home: Home, daemon: Daemon, zone: Zone, ports: dict[str, int]) -> None:
        self.home = home
        self.daemon = daemon
        self.zone = zone
        self.ports = ports

    def reply(self, source: str) -> tuple[int, bytes]:
        """What a client with this address hears at RCPT."""
        address = (source, 0)
        with smtplib.SMTP(
            "127.0.0.1", self.daemon.smtp_port, "client.test", timeout=LIMIT_S, source_address=address
        ) as client:
            client.ehlo()
            assert client.mail("s@far.example")[0] == 250
            return client.rcpt(self.home.address("alice"))

    def answer(self, kind: str, source: str, data: bytes) -> bytes:
        """What a client with this address is answered by QMTP or QMQP."""
        address = ("127.0.0.1", self.ports[kind])
        plain = socket.create_connection(address, timeout=LIMIT_S, source_address=(source, 0))
        with anybody().wrap_socket(plain) if kind.endswith("s") else plain as connection:
            connection.sendall(data)
            return answer_of(connection)

    def wait_for(self, is_there: Callable[[], bool], what: str) -> None:
        """Until a condition holds."""
        deadline = time.monotonic() + LIMIT_S
        while not is_there():
            assert time.monotonic() < deadline, f"{what}:\n" + "\n".join(self.daemon.log[-30:])
            time.sleep(0.02)

    def wait_for_line(self, text: str) -> None:
        """Until the log has a line with a text."""
        self.wait_for(lambda: any(text in line for line in self.daemon.log), f"no line has {text!r}")


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="qmtwist-dnsbl-") as directory, Zone(ZONE) as zone:
        os.chmod(directory, 0o755)
        home = Home(directory, ("alice",))
        home.make()
        home.write("control/nameservers", zone.nameserver + "\n")
        home.write("control/rbldns", LISTS)
        home.write("control/tcprules", RULES)
        home.write("control/tcprules.qmqp", '127.0.0.7:allow,RBLSMTPD="later"\n127.0.0.2:allow\n')
        ports = {kind: free_port() for kind in KINDS}
        words = [f"--listen={kind}=tcp:{port}:interface=127.0.0.1" for kind, port in ports.items()]
        qmtwist("tlskey", "--home", home.path)
        with running(Daemon(home, *words)) as daemon:
            yield Place(home, daemon, zone, ports)
            daemon.stop()
        assert any("dnsbl: " in line and "listed" in line for line in daemon.log)


def test_a_listed_client_is_turned_away_at_rcpt_and_others_are_served(place: Place) -> None:
    assert place.reply("127.0.0.2") == (451, b"4.7.1 Blocked - see http://rbl.example/")
    place.wait_for_line("0 accepted, kept out by rbl.example")
    assert place.reply("127.0.0.9")[0] == 250


def test_codes_texts_and_exceptions(place: Place) -> None:
    assert place.reply("127.0.0.3") == (553, b"5.7.1 127.0.0.3 is a bad place")
    assert place.reply("127.0.0.4")[0] == 250
    assert place.reply("127.0.0.5")[0] == 250


def test_rules_come_first(place: Place) -> None:
    assert place.reply("127.0.0.6")[0] == 250
    assert place.reply("127.0.0.7") == (553, b"5.7.1 we know you")
    assert place.zone.asked("6.0.0.127.rbl.example") == place.zone.asked("7.0.0.127.rbl.example") == 0


@pytest.mark.parametrize("kind", ["qmtp", "qmtps"])
def test_qmtp_asks_the_lists_too(place: Place, kind: str) -> None:
    two = package(place.home.address("alice").encode(), b"x@far.example")
    bad_place = netstring(b"D127.0.0.11 is a bad place (#5.7.1)")
    since = len(place.daemon.log)
    assert place.answer(kind, "127.0.0.11", two) == 2 * bad_place

    def lines() -> list[str]:
        return [line for line in place.daemon.log[since:] if line.startswith(f"{kind} ")]

    place.wait_for(lambda: any("closed: " in line for line in lines()), "the session does not end")
    refused = [line for line in lines() if " refused " in line]
    assert len(refused) == 1 and refused[0].endswith("is a bad place (#5.7.1), kept out by codes.example")
    assert b":Dwe know you (#5.7.1)," in place.answer(kind, "127.0.0.7", two)
    assert b":Kok " in place.answer(kind, "127.0.0.9", two)


def test_a_rule_keeps_a_client_of_qmqp_out_with_its_words(place: Place) -> None:
    mail = request(place.home.address("alice").encode())
    assert place.answer("qmqp", "127.0.0.7", mail) == b"15:Zlater (#4.7.1),"
    assert b":Kok " in place.answer("qmqp", "127.0.0.2", mail)  # whom a list has, but a rule has allowed
    place.wait_for_line("kept out by RBLSMTPD, rule tcprules.qmqp:1")


def test_answers_are_remembered(place: Place) -> None:
    for _ in range(3):
        assert place.reply("127.0.0.2")[0] == 451
    assert place.zone.asked("2.0.0.127.rbl.example") == 1


def test_a_silent_list_holds_up_nobody_for_longer_than_the_limit(place: Place) -> None:
    place.zone.faults["10.0.0.127.rbl.example"] = Fault.SILENT
    begun = time.monotonic()
    assert place.reply("127.0.0.10")[0] == 250
    assert 1.5 < time.monotonic() - begun < 12  # the resolver itself would try for 15
    place.wait_for_line("0 accepted, no answer from rbl.example")


def test_a_changed_file_counts_for_the_next_clients_and_a_broken_one_for_nobody(place: Place) -> None:
    assert place.reply("127.0.0.8")[0] == 250
    place.home.write("control/rbldns", "-r late.example\n")
    place.daemon.signal(signal.SIGHUP)
    place.wait_for_line("control/rbldns: ")
    place.wait_for_line("rbl.example listed ")  # what was counted so far
    assert place.reply("127.0.0.8") == (451, b"4.7.1 now")
    assert place.reply("127.0.0.2")[0] == 250
    place.home.write("control/rbldns", "-r late..example\n")
    place.daemon.signal(signal.SIGHUP)
    place.wait_for_line("control/rbldns:1: ")
    assert place.reply("127.0.0.8") == (451, b"4.7.1 now")


# -- in front of a server of its own


def test_several_rblsmtpd_in_a_row_under_tcpserver_as_the_old_documents_have_it(place: Place) -> None:
    """S205."""
    bin_ = place.home.path + "/bin"
    row = f"rblsmtpd -b -r codes.example=127.0.0.2-7 rblsmtpd -a white.example -rrbl.example {bin_}/qmail-smtpd"
    command = [f"{bin_}/tcpserver", "-1RHl0", "127.0.0.1", "0", *row.split()]
    env = {**environment(), "PATH": f"{bin_}:/usr/bin:/bin"}
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, text=True)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())

        def replies(source: str) -> list[tuple[int, bytes]]:
            with smtplib.SMTP("127.0.0.1", port, "x", timeout=LIMIT_S, source_address=(source, 0)) as client:
                return [client.mail("s@far.example"), client.rcpt(place.home.address("alice"))]

        polite = (250, b"rblsmtpd.local")
        assert replies("127.0.0.3") == [polite, (553, b"127.0.0.3 is listed in codes.example")]
        assert replies("127.0.0.2") == [polite, (451, b"Blocked - see http://rbl.example/")]
        assert replies("127.0.0.5") == replies("127.0.0.9") == [(250, b"ok"), (250, b"ok")]
    finally:
        server.terminate()
        _, log = server.communicate(timeout=LIMIT_S)
    said = [line.partition(": ")[2].partition(" pid ")[0] for line in log.splitlines() if "rblsmtpd: " in line]
    assert said == ["127.0.0.3", "127.0.0.2"]
