"""What QMTP and QMQP make of DNS lists, and of RBLSMTPD."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmtwist.mail.dns import Kind, Question
from qmtwist.services.door.dnsbl import Blocklists
from qmtwist.services.qmtp.packages import PackageProtocol
from tests.support.listpuppet import ABSENT, Puppet, text
from tests.support.package_service import Client, PackageHouse, package, request

HERE, FAR = b"ann@example.org", b"x@far.example"
CLIENT = "192.0.2.7"
NAME = b"7.2.0.192.rbl.example"
LISTED = b"21:ZBlocked now (#4.7.1),"


class House(PackageHouse):
    """One of the services, with lists."""

    def __init__(self, *lines: bytes, kind: str = "qmtp", rules: Path | None = None, **changes: object) -> None:
        super().__init__(kind, {"directory": str(rules)} if rules else None, rbldns=lines, **changes)
        self.resolver = Puppet()
        self.lists = Blocklists(self.clock, self.resolver, self.lines.append)
        self.listener._service.staff = self.listener._service.staff._replace(lists=self.lists)


def test_all_recipients_of_a_listed_client_hear_the_same_and_the_log_has_one_line_of_it() -> None:
    house = House(b"-r rbl.example", badmailfrom=frozenset([b"@example.com"]))
    client = house.connect(CLIENT)
    house.resolver.answer(NAME, text(b"Blocked now"))
    assert client.send(package(HERE, FAR, b"bob@example.org")) == 3 * LISTED
    client.lose()
    assert not house.intake.drafts
    assert house.lines == [
        b"qmtp 1: 192.0.2.7:50321 refused the message: ZBlocked now (#4.7.1), kept out by rbl.example",
        b"qmtp 1: 192.0.2.7:50321 closed: the client closed the connection, 0 accepted, kept out by rbl.example",
    ]
    assert house.lists.report() == b"dnsbl: 1 clients looked up: rbl.example listed 1"


def test_a_list_for_good_is_for_good() -> None:
    house = House(b"-b -r rbl.example")
    client = house.connect(CLIENT)
    house.resolver.answer(NAME, text(b"Blocked"))
    assert client.send(package(HERE)) == b"17:DBlocked (#5.7.1),"


def test_the_message_waits_for_the_verdict_and_nothing_of_it_is_stored_before() -> None:
    house = House(b"-r rbl.example")
    client = house.connect(CLIENT)
    assert client.send(package(HERE), package(FAR)) == b""
    assert client.is_paused and not house.intake.drafts
    house.resolver.answer(NAME, ABSENT)
    said = client.said()
    assert b":Kok " in said and said.endswith(b"allowed rcpthosts (#5.7.1),")
    assert [draft.envelope[1] for draft in house.intake.queued] == [(HERE,)]


def test_nobody_waits_longer_than_the_limit() -> None:
    house = House(b"-t 3 -r rbl.example")
    client = house.connect(CLIENT)
    client.send(package(HERE))
    house.pass_time(2.75, 0.25)
    assert client.said() == b""
    house.pass_time(0.5, 0.25)
    assert b":Kok " in client.said()
    client.lose()
    assert house.lines[-1].endswith(b", 1 accepted, no answer from rbl.example")


def test_with_c_silence_keeps_the_client_out_for_now() -> None:
    house = House(b"-c -b -r rbl.example")
    client = house.connect(CLIENT)
    client.send(package(HERE))
    house.pass_time(11)
    assert client.said() == b"36:Ztemporary RBL lookup error (#4.7.1),"
    assert house.lines[0].endswith(b"(#4.7.1), no answer from rbl.example")


def test_a_client_that_has_gone_leaves_nothing_behind() -> None:
    house = House(b"-r rbl.example")
    client = house.connect(CLIENT)
    client.send(package(HERE))
    client.lose()
    house.resolver.answer(NAME, ABSENT)
    assert client.said() == b"" and not house.intake.drafts and house.clock.getDelayedCalls() == []
    assert not [line for line in house.lines if b"bug" in line]


@pytest.mark.parametrize(
    ("variables", "answer"),
    [
        (b'RBLSMTPD="go away"', b"Zgo away (#4.7.1)"),
        (b'RBLSMTPD="-go away",RELAYCLIENT=""', b"Dgo away (#5.7.1)"),
        (b'RBLSMTPD=""', b"Kok "),
        (b'RELAYCLIENT=""', b"Kok "),
    ],
)
@pytest.mark.parametrize("kind", ["qmtp", "qmqp"])
def test_rules_of_the_client_come_before_the_lists(tmp_path: Path, kind: str, variables: bytes, answer: bytes) -> None:
    (tmp_path / f"tcprules.{kind}").write_bytes(b"192.0.2.7:allow," + variables + b"\n")
    house = House(b"-r rbl.example", kind=kind, rules=tmp_path)
    said = house.connect(CLIENT).send(package(HERE) if kind == "qmtp" else request(HERE))
    assert said.partition(b":")[2].startswith(answer)
    assert not house.resolver.waiting and house.lists.asked == 0


def test_qmqp_asks_no_lists_and_its_one_line_says_what_kept_a_client_out(tmp_path: Path) -> None:
    (tmp_path / "tcprules.qmqp").write_bytes(b'192.0.2.7:allow,RBLSMTPD="no"\n:allow\n')
    house = House(b"-r rbl.example", kind="qmqp", rules=tmp_path)
    assert b":Kok " in house.connect("192.0.2.8").send(request(FAR)) and not house.resolver.waiting
    assert house.connect(CLIENT).send(request(FAR)) == b"12:Zno (#4.7.1),"
    assert house.lines[1:] == [
        b"qmqp 2: 192.0.2.7:50321 refused the message: Zno (#4.7.1), kept out by RBLSMTPD, rule tcprules.qmqp:1"
    ]


def test_a_client_of_a_socket_is_not_looked_up() -> None:
    house = House(b"-r rbl.example")
    assert b":Kok " in house.connect("/run/qmtp").send(package(HERE)) and not house.resolver.waiting


@pytest.mark.parametrize("is_pinned", [False, True])
def test_inside_tls_the_lists_are_asked_after_the_handshake_and_not_about_a_pinned_key(is_pinned: bool) -> None:
    house = House(b"-r rbl.example", kind="qmtps", packages={"tlsclients": {b"p" * 64: b"laptop"}})
    house.tls.key = b"p" * 64 if is_pinned else b"q" * 64
    protocol = house.knock(CLIENT)
    assert isinstance(protocol, PackageProtocol)
    client = Client(protocol)
    assert not house.resolver.waiting
    protocol.handshakeCompleted()
    assert set(house.resolver.waiting) == (set() if is_pinned else {Question(NAME, Kind.TXT)})
    if not is_pinned:
        house.resolver.answer(NAME, text(b"Blocked now"))
    assert client.send(package(HERE)).partition(b":")[2][:3] == (b"Kok" if is_pinned else b"ZBl")
