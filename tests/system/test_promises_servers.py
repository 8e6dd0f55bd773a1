"""QMTP, QMQP and tcpserver as the documents promise them: answers, access and limits, with what a site configures."""

from __future__ import annotations

import contextlib
import os
import re
import smtplib
import socket
import time
from collections.abc import Iterator

import pytest

from tests.support.crowd import CLIENTS, Crowd, many_addresses, many_descriptors
from tests.support.daemon import free_port, qmtwist, running
from tests.support.hub import answer_of
from tests.support.package_service import package, request
from tests.support.tcpservers import LIMIT_S
from tests.support.tcptown import Place, place
from tests.support.town import Office, Town, town
from tests.support.zone import Fault, Zone

pytestmark = pytest.mark.system

H = "test.example"
ZONE = """5.0.0.127.in-addr.arpa. PTR Laptop.friend.example.
laptop.friend.example. A 127.0.0.5
6.0.0.127.in-addr.arpa. PTR liar.friend.example.
liar.friend.example. A 192.0.2.1
7.0.0.127.in-addr.arpa. PTR mail.foe.example.
mail.foe.example. A 127.0.0.7
"""
# By address, prefix, range and name; the closest counts, in whatever order they stand.
RULES = """:allow
127.0.0.9:deny
127.1.:allow,RELAYCLIENT=""
127.1.1.1:allow
127.0.0.10-20:allow,RELAYCLIENT=""
127.2-3.:allow,RELAYCLIENT=""
=laptop.friend.example:allow,RELAYCLIENT=""
=.foe.example:deny
"""


class Hub(Office):
    """The daemon with QMTP and QMQP."""

    def __init__(self, made: Town) -> None:
        self.ports = {kind: free_port() for kind in ("qmtp", "qmqp")}
        super().__init__(
            made, *(f"--listen={kind}=tcp:{port}:interface=127.0.0.1" for kind, port in self.ports.items())
        )

    def ask(self, kind: str, data: bytes, source: str = "127.0.0.1") -> bytes:
        """All that is answered to a client with this address."""
        with socket.create_connection(("127.0.0.1", self.ports[kind]), LIMIT_S, (source, 0)) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))


def prepare(made: Town) -> None:
    with open(f"{made.path}/busy", "w", encoding="ascii") as stream:
        stream.write("#!/bin/sh\ncat > /dev/null\nexit 71\n")
    os.chmod(f"{made.path}/busy", 0o755)
    made.write(
        "control/tcprules",
        f'127.0.0.2:allow,RELAYCLIENT=""\n127.0.0.3:allow,QMAILQUEUE="{made.path}/busy"\n127.0.0.4:deny\n:allow\n',
    )
    made.write("control/tcprules.qmqp", "127.0.0.1:allow\n:deny\n")


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with town("joe", prepare=prepare) as made:
        daemon = Hub(made)
        with running(daemon):
            yield daemon


def letters(said: bytes) -> bytes:
    """The first letter of each answer."""
    found = b""
    while said:
        length, _, rest = said.partition(b":")
        found += rest[:1]
        assert rest[int(length) : int(length) + 1] == b","
        said = rest[int(length) + 1 :]
    return found


# -- the daemon


def test_qmtp_answers_for_each_recipient_under_the_rules_of_smtp(hub: Hub) -> None:
    """S227: rcpthosts, unknown users, RELAYCLIENT, and a queue that is busy; several messages a connection."""
    hub.town.forget("joe")
    to = (b"joe@test.example", b"nosuchuser@test.example", b"z@elsewhere.example")
    assert letters(hub.ask("qmtp", package(*to) + package(to[0]))) == b"KDDK"
    assert letters(hub.ask("qmtp", package(to[0], to[2]), "127.0.0.2")) == b"KK"
    assert letters(hub.ask("qmtp", package(to[0], to[2]), "127.0.0.3")) == b"ZD"
    with socket.create_connection(("127.0.0.1", hub.ports["qmtp"]), LIMIT_S, ("127.0.0.4", 0)) as stranger:
        assert answer_of(stranger) == b""  # S212
    hub.wait_for_line("qmtp: 127.0.0.4 turned away: denied by control/tcprules:3")
    assert all(b" with QMTP; " in message for message in hub.wait_for_messages("joe", 3))


def test_qmqp_is_for_those_whom_a_rule_allows(hub: Hub) -> None:
    """S229: nobody without a rule; the hub asks nothing about recipients of the others."""
    data = request(b"joe@test.example", b"z@elsewhere.example")
    assert letters(hub.ask("qmqp", data)) == b"K"
    since = hub.mark()
    with socket.create_connection(("127.0.0.1", hub.ports["qmqp"]), LIMIT_S, ("127.0.0.2", 0)) as stranger:
        assert answer_of(stranger) == b""
    hub.wait_for_line("qmqp: 127.0.0.2 turned away: denied by control/tcprules.qmqp:2", since)


def test_a_null_client_keeps_no_queue(hub: Hub) -> None:
    """S230: set up with one command; sendmail and qmail-inject queue on the hub or fail at once."""
    home = f"{hub.town.top}/null"
    qmtwist(
        "setup", "--null-client", "--hub", f"127.0.0.1:{hub.ports['qmqp']}", "--home", home, "--host", "null.example"
    )
    assert os.path.lexists(f"{home}/bin/qmail-queue") and not os.path.exists(f"{home}/queue")
    hub.town.forget("joe")
    for words in ((f"{home}/bin/qmail-inject", f"joe@{H}"), (f"{home}/bin/sendmail", "-t")):
        hub.town.run(*words, text=f"To: joe@{H}\nSubject: null\n\n")
    assert all(b" with QMQP; " in message for message in hub.wait_for_messages("joe", 2))
    with open(f"{home}/control/qmqpservers", "w", encoding="ascii") as stream:
        stream.write("127.0.0.1:1\n")
    ended = hub.town.attempt(f"{home}/bin/qmail-inject", f"joe@{H}", text="Subject: x\n\n")
    assert ended.returncode == 111 and ended.stderr != b""


def test_no_lookup_comes_before_the_banner(hub: Hub) -> None:
    """S203: with name servers that never answer, and nobody to answer IDENT, a client is greeted at once."""
    with Zone(ZONE) as zone:
        zone.faults[""] = Fault.SILENT
        hub.town.write("control/nameservers", f"{zone.nameserver}\n")
        other = Office(hub.town)
        hub.stop()
        with running(other), smtplib.SMTP("127.0.0.1", other.smtp_port, "c.example", 5) as client:
            assert client.ehlo()[0] == 250
            assert zone.queries == []
        os.unlink(f"{hub.town.path}/control/nameservers")
        hub.start()


def test_a_thousand_qmtp_clients_meet_the_limit_of_their_network_and_none_is_left_hanging(hub: Hub) -> None:
    """S213: 1,000 addresses in five networks; who is in has an answer, who is not is told so by the end."""
    made = hub.town
    hub.stop()
    made.write("control/concurrencypernet", "90\n")
    made.write("control/concurrencyqmtp", f"{CLIENTS}\n")
    with many_descriptors():
        hub.start()
        crowd = Crowd(hub.ports["qmtp"], many_addresses(), package(b"z@elsewhere.example"))
        try:
            crowd.wait(lambda: crowd.silent == 0)
            said = list(crowd.said.values())
            assert (sum(each.startswith(b"66:Dsorry") for each in said), said.count(b"")) == (450, CLIENTS - 450)
        finally:
            crowd.close()
    hub.wait_for_line("turned away: too many connections of this network")
    deadline, answer = time.monotonic() + LIMIT_S, b""
    while answer != b"K":  # until the 450 are gone
        assert time.monotonic() < deadline
        time.sleep(0.02)
        with contextlib.suppress(ConnectionError):
            answer = letters(hub.ask("qmtp", package(b"joe@test.example"), "127.1.0.1"))


# -- tcpserver


@pytest.fixture(scope="module")
def served() -> Iterator[Place]:
    with place() as made, Zone(ZONE) as zone:
        made.write("control/nameservers", f"{zone.nameserver}\n")
        made.run("tcprules", f"{made.path}/all.cdb", f"{made.path}/all.tmp", text=RULES)
        yield made


def relayed(port: int, source: str) -> int:
    """The code of a RCPT to another host; 0 when the client was not even greeted."""
    try:
        with smtplib.SMTP("127.0.0.1", port, "c.example", LIMIT_S, source_address=(source, 0)) as client:
            client.ehlo()
            client.mail("a@far.example")
            return client.rcpt("z@elsewhere.example")[0]
    except smtplib.SMTPServerDisconnected:
        return 0


def test_rules_of_every_form_decide_about_a_session(served: Place) -> None:
    """S198, S211, S212: tcprules X.cdb X.tmp < X."""
    words = ("tcpserver", "-1", "-v", "-R", "-l", "0", "-x", f"{served.path}/all.cdb", "127.0.0.1", "0", "qmail-smtpd")
    expected = {
        "127.0.0.8": 553, "127.0.0.9": 0, "127.1.2.3": 250, "127.1.1.1": 553, "127.0.0.10": 250, "127.0.0.20": 250,
        "127.0.0.21": 553, "127.3.4.5": 250, "127.4.4.5": 553, "127.0.0.5": 250, "127.0.0.6": 553, "127.0.0.7": 0,
    }  # fmt: skip
    with served.server(*words) as server:
        assert {source: relayed(server.port, source) for source in expected} == expected
        server.wait_for(rf"deny \d+ 0:127\.0\.0\.1:{server.port} :127\.0\.0\.9::\d+\n")
        server.wait_for(rf"deny \d+ 0:127\.0\.0\.1:{server.port} mail\.foe\.example:127\.0\.0\.7::\d+\n")


@pytest.mark.parametrize("option", ["-P", "-p"])
def test_a_paranoid_server_does_not_believe_a_liar(served: Place, option: str) -> None:
    """S210: -p, -l NAME; the name stands in Received, in lower case."""
    served.empty()
    words = ("tcpserver", "-1", "-v", option, "-R", "-l", "me.example", "127.0.0.1", "0", "qmail-smtpd")
    with served.server(*words) as server:
        for source in ("127.0.0.5", "127.0.0.6"):
            with smtplib.SMTP("127.0.0.1", server.port, "c.example", LIMIT_S, source_address=(source, 0)) as client:
                client.sendmail("a@far.example", [f"joe@{H}"], "Subject: x\r\n\r\n")
    names = {
        re.search(r"from (\S+) \(HELO c\.example\) \((\S+)\)\n  by me\.example ", each) for each in served.queued()
    }
    liar = "liar.friend.example" if option == "-P" else "unknown"
    assert {found and found.group(1, 2) for found in names} == {
        ("laptop.friend.example", "127.0.0.5"), (liar, "127.0.0.6")
    }  # fmt: skip


def test_400_at_a_time_instead_of_40(served: Place) -> None:
    """S209, S213: -c N is the limit; those beyond it wait, and are served when there is room."""
    start = ("tcpserver", "-1", "-v", "-R", "-H", "-l", "0")
    with served.server(*start, "-c", "400", "127.0.0.1", "0", "cat") as server:
        server.wait_for(r"status: 0/400\n")
    with served.server(*start, "127.0.0.1", "0", "cat") as server:
        server.wait_for(r"status: 0/40\n")
    with served.server(*start, "-c", "2", "127.0.0.1", "0", "qmail-smtpd") as server:
        held = [server.connect() for _ in range(3)]
        assert [client.recv(3) for client in held[:2]] == [b"220", b"220"]
        server.wait_for(r"status: 2/2\n")
        held[0].close()
        assert held[2].recv(3) == b"220"
        server.wait_for(r"status: 1/2\n(.*\n)*tcpserver: status: 2/2\n")
        for client in held[1:]:
            client.close()


def test_the_rules_can_be_asked(served: Place) -> None:
    """S211: tcprulescheck says which rule it is and what it sets."""
    ended = served.attempt("tcprulescheck", f"{served.path}/all.cdb", more={"TCPREMOTEIP": "127.0.0.15"})
    assert ended.stdout == b"rule 127.0.0.15:\nset environment variable RELAYCLIENT=\nallow connection\n"
