"""Who may do what, with the real server: rules of each service, read again, by name, and many clients at once."""

from __future__ import annotations

import os
import smtplib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.crowd import CLIENTS, Crowd, many_addresses, many_descriptors
from tests.support.daemon import Daemon, Home, running
from tests.support.zone import Zone

pytestmark = pytest.mark.system
LIMIT_S = 60.0
ZONE = """5.0.0.127.in-addr.arpa. PTR laptop.friend.example.
laptop.friend.example. A 127.0.0.5
*.1.127.in-addr.arpa. PTR liar.example.
liar.example. A 192.0.2.1"""
SCANNER = """#!/bin/sh
{ env; cat; } >"$0.seen" || exit 53
cat <&1 >/dev/null
exit 31
"""


@pytest.fixture
def home(open_directory: str) -> Iterator[Home]:
    home = Home(open_directory, ("alice",))
    home.make()
    yield home


def connect(daemon: Daemon, ip: str = "127.0.0.1", port: int = 0) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port or daemon.smtp_port), timeout=30, source_address=(ip, 0))


def said(sock: socket.socket) -> bytes:
    """Everything until the server hangs up."""
    data = b""
    while more := sock.recv(65536):
        data += more
    return data


def has_come(condition: Callable[[], bool]) -> bool:
    """Whether it comes true in time."""
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def logged(daemon: Daemon, words: str) -> bool:
    """Whether a line with these words comes."""
    return has_come(lambda: any(words in line for line in daemon.log))


def relays(daemon: Daemon, ip: str) -> int:
    """The code of a RCPT to another host."""
    with smtplib.SMTP("127.0.0.1", daemon.smtp_port, timeout=30, source_address=(ip, 0)) as client:
        client.helo("x.test")
        client.mail("a@x.test")
        return client.rcpt("u@far.example")[0]


def test_each_service_has_its_own_rules_and_a_session_outlives_their_change(home: Home) -> None:
    home.write("control/tcprules", ':allow,RELAYCLIENT=""\n')
    home.write("control/tcprules.pop3", "127.0.0.1:allow\n:deny\n")
    with running(Daemon(home)) as daemon:
        with connect(daemon, port=daemon.pop3_port) as allowed:
            assert allowed.recv(3) == b"+OK"
        with connect(daemon, "127.0.0.2", daemon.pop3_port) as denied:
            assert said(denied) == b""
        assert logged(daemon, "pop3: 127.0.0.2 turned away: denied by control/tcprules.pop3:2")
        with smtplib.SMTP("127.0.0.1", daemon.smtp_port, timeout=30) as session:
            session.helo("x.test")
            home.write("control/tcprules.smtp", "127.0.0.3:deny\n:allow\n")
            assert has_come(lambda: relays(daemon, "127.0.0.1") == 553)
            assert session.mail("a@x.test")[0] == session.rcpt("u@far.example")[0] == 250
        assert logged(daemon, "closed: quit, 0 accepted, rule tcprules:1")
        with connect(daemon, "127.0.0.3") as denied:
            assert said(denied) == b""
        assert logged(daemon, "smtp: 127.0.0.3 turned away: denied by control/tcprules.smtp:1")


def test_a_cdb_that_a_site_keeps_elsewhere_counts_and_is_followed(home: Home, open_directory: str) -> None:
    elsewhere = Path(open_directory) / "tcp.smtp.cdb"

    def compile_rules(text: bytes) -> None:
        subprocess.run([home.program("tcprules"), elsewhere, f"{elsewhere}.tmp"], input=text, check=True)

    compile_rules(b'127.:allow,RELAYCLIENT=""\n:deny\n')
    os.symlink(elsewhere, f"{home.path}/control/tcprules.smtp.cdb")
    with running(Daemon(home)) as daemon:
        assert relays(daemon, "127.0.0.1") == 250
        assert logged(daemon, "rule tcprules.smtp.cdb:127.")
        compile_rules(b"127.0.0.0/8:allow\n:deny\n")
        assert has_come(lambda: relays(daemon, "127.0.0.1") == 553)
        assert logged(daemon, "rule tcprules.smtp.cdb:127.0.0.0/8")
        elsewhere.write_bytes(b"rubbish")
        codes: set[int] = set()
        assert has_come(
            lambda: codes.add(relays(daemon, "127.0.0.1")) or any("the old rules stay" in line for line in daemon.log)
        )
        assert codes == {553}


def test_a_rule_by_name_lets_its_client_relay_and_names_it_in_the_message(home: Home) -> None:
    with Zone(ZONE) as zone:
        home.write("control/nameservers", f"{zone.nameserver}\n")
        home.write("control/tcprules", '=.friend.example:allow,RELAYCLIENT=""\n127.0.0.6:allow\n:allow\n')
        with running(Daemon(home)) as daemon:
            assert relays(daemon, "127.0.0.5") == 250
            assert relays(daemon, "127.0.0.6") == 553
            assert zone.asked("6.0.0.127.in-addr.arpa") == 0
            with smtplib.SMTP("127.0.0.1", daemon.smtp_port, timeout=30, source_address=("127.0.0.5", 0)) as client:
                client.sendmail("a@x.test", [home.address("alice")], b"Subject: x\r\n\r\nx\r\n")
            [message] = daemon.wait_for_messages("alice", 1)
            assert b"Received: from laptop.friend.example (" in message


def test_a_rules_queue_program_takes_its_clients_mail_with_tcpservers_variables(home: Home) -> None:
    program = os.path.join(home.path, "bin", "scanner")
    with open(program, "w", encoding="ascii") as stream:
        stream.write(SCANNER)
    os.chmod(program, 0o755)
    seen = f"{program}.seen"
    with open(seen, "wb"):
        os.chmod(seen, 0o666)
    home.write("control/tcprules.smtp", f'127.0.0.9:allow,QMAILQUEUE="{program}",NOTE="a b"\n:allow\n')
    with running(Daemon(home)) as daemon:
        with (
            smtplib.SMTP("127.0.0.1", daemon.smtp_port, timeout=30, source_address=("127.0.0.9", 0)) as client,
            pytest.raises(smtplib.SMTPDataError, match="permanently rejected"),
        ):
            client.sendmail("a@x.test", [home.address("alice")], b"Subject: x\r\n\r\nscanned\r\n")
        text = Path(seen).read_bytes()
        assert {b"TCPREMOTEIP=127.0.0.9", b"NOTE=a b", b"PROTO=TCP", b"TCPLOCALIP=127.0.0.1"} < set(text.splitlines())
        assert text.endswith(b"scanned\n")
        assert home.messages("alice") == []


def test_rules_that_cannot_be_used_refuse_to_start(home: Home) -> None:
    home.write("control/tcprules.pop3", ":allow\n1.2.3.4:forbid\n")
    with pytest.raises(AssertionError, match=r"control/tcprules\.pop3: line 2: unable to parse"):
        Daemon(home).start()


@pytest.mark.parametrize("rules", [":allow\n", "=.foe.example:deny\n:allow\n"], ids=["addresses", "names"])
def test_a_thousand_clients_at_once_meet_the_limit_of_their_network_and_none_is_left_hanging(
    home: Home, rules: str
) -> None:
    addresses = many_addresses()
    with many_descriptors(), Zone(ZONE) as zone:
        home.write("control/nameservers", f"{zone.nameserver}\n")
        home.write("control/tcprules", rules)
        home.write("control/concurrencypernet", "90\n")
        home.write("control/concurrencyincoming", f"{CLIENTS}\n")
        with running(Daemon(home)) as daemon:
            crowd = Crowd(daemon.smtp_port, addresses)
            try:
                crowd.wait(lambda: crowd.silent == 0)
                inside, outside = crowd.those_told(b"220 "), crowd.those_told(b"421 ")
                assert (len(inside), len(outside)) == (90 * 5, CLIENTS - 90 * 5)
                for sock in inside:
                    sock.send(b"QUIT\r\n")
                crowd.wait(lambda: not crowd.open)
                assert all(crowd.said[sock].splitlines()[-1].startswith(b"221 ") for sock in inside)
            finally:
                crowd.close()
            assert logged(daemon, "turned away: too many connections of this network")
            assert has_come(lambda: sum("closed: quit" in line for line in daemon.log) >= len(inside))
            assert relays(daemon, addresses[0]) == 553  # there is room again
