"""services/door/dnsbl.py, and what the SMTP service makes of it."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from qmtwist.control.settings import AccessSettings
from qmtwist.mail.dns import TROUBLE, Answer, Kind, Question, Status
from qmtwist.services.door.dnsbl import Blocklists
from qmtwist.services.door.listen import NO_ACCESS
from tests.support.listpuppet import ABSENT, Puppet, text
from tests.support.smtp_service import SmtpHouse

MAIL = b"MAIL FROM:<a@example.com>\r\n"
RCPT = b"RCPT TO:<u@example.org>\r\n"
CLIENT = "192.0.2.7"
NAME = b"7.2.0.192.rbl.example"


class House(SmtpHouse):
    """The SMTP service with lists."""

    def __init__(self, *lines: bytes, access: AccessSettings = NO_ACCESS) -> None:
        super().__init__(access, rbldns=lines)
        self.resolver = Puppet()
        self.lists = Blocklists(self.clock, self.resolver, self.lines.append)
        self.factory.staff = self.factory.staff._replace(lists=self.lists)

    @property
    def last(self) -> bytes:
        return self.lines[-1]


def test_a_listed_client_is_told_at_rcpt_and_the_sessions_line_says_who_listed_it() -> None:
    house = House(b"-r rbl.example")
    client = house.connect(CLIENT)
    house.resolver.answer(NAME, text(b"Blocked"))
    assert client.send(b"HELO x\r\n", MAIL, RCPT, RCPT, b"DATA\r\n", b"QUIT\r\n") == (
        b"250 mail.example.org\r\n250 ok\r\n451 Blocked\r\n451 Blocked\r\n503 RCPT first (#5.5.1)\r\n"
        b"221 mail.example.org\r\n"
    )
    assert house.lines[0] == b"smtp 1: 192.0.2.7:50321 refused <u@example.org>: 451 Blocked"
    assert house.last == b"smtp 1: 192.0.2.7:50321 closed: quit, 0 accepted, kept out by rbl.example"
    assert house.lists.report() == b"dnsbl: 1 clients looked up: rbl.example listed 1"
    assert house.lists.report() == b""


def test_after_ehlo_the_code_of_rfc_3463_comes_first() -> None:
    house = House(b"-b -r rbl.example")
    client = house.connect(CLIENT)
    house.resolver.answer(NAME, text(b"Blocked"))
    assert client.send(b"EHLO x\r\n", MAIL, RCPT).endswith(b"250 2.1.0 ok\r\n553 5.7.1 Blocked\r\n")


def test_rcpt_waits_for_the_verdict_and_what_comes_behind_it_too() -> None:
    house = House(b"-r rbl.example")
    client = house.connect(CLIENT)
    assert client.codes(MAIL + RCPT + RCPT) == [250]
    assert client.is_paused
    house.resolver.answer(NAME, ABSENT)
    assert client.said() == b"250 ok\r\n250 ok\r\n"
    assert client.codes(b"QUIT\r\n") == [221]
    assert house.last.endswith(b"closed: quit, 0 accepted")


def test_nobody_waits_longer_than_the_limit() -> None:
    house = House(b"-t 3 -r rbl.example", b"-r rbl2.example")
    client = house.connect(CLIENT)
    assert client.codes(MAIL + RCPT) == [250]
    house.resolver.answer(NAME, ABSENT)
    house.pass_time(2.75, 0.25)
    assert client.codes(b"") == []
    house.pass_time(0.5, 0.25)
    assert client.codes(b"") == [250]
    client.send(b"QUIT\r\n")
    assert house.last.endswith(b"0 accepted, no answer from rbl2.example")
    assert house.lists.report() == b"dnsbl: 1 clients looked up: rbl2.example failed 1"
    house.resolver.answer(b"7.2.0.192.rbl2.example", text(b"too late"))
    assert house.lists.report() == b""


def test_with_c_silence_keeps_the_client_out_for_now() -> None:
    house = House(b"-c -b -r rbl.example=127.0.0.2")
    client = house.connect(CLIENT)
    assert client.codes(MAIL + RCPT) == [250]
    house.pass_time(10)
    assert client.said() == b"451 temporary RBL lookup error\r\n"
    client.lose()
    assert house.last.endswith(b"0 accepted, no answer from rbl.example")


def test_all_are_asked_at_once_and_the_order_of_the_lines_decides() -> None:
    house = House(b"-a white.example", b"-r rbl.example")
    client = house.connect(CLIENT)
    assert set(house.resolver.waiting) == {Question(b"7.2.0.192.white.example", Kind.A), Question(NAME, Kind.TXT)}
    assert client.codes(MAIL + RCPT) == [250]
    house.resolver.answer(NAME, text(b"Blocked"))
    assert client.codes(b"") == []
    house.resolver.answer(b"7.2.0.192.white.example", Answer(Status.FOUND, ("127.0.0.2",)), kind=Kind.A)
    assert client.said() == b"250 ok\r\n"


def test_what_decides_is_not_held_up_by_lists_behind_it() -> None:
    house = House(b"-r rbl.example", b"-r slow.example")
    client = house.connect(CLIENT)
    assert client.codes(MAIL + RCPT) == [250]
    house.resolver.answer(NAME, text(b"no"))
    assert client.said() == b"451 no\r\n"


def test_what_the_resolver_remembers_is_known_at_once() -> None:
    house = House(b"-r rbl.example", b"-r other.example")
    house.resolver.known[Question(NAME, Kind.TXT)] = text(b"no")
    assert house.connect(CLIENT).codes(MAIL, RCPT) == [250, 451]
    assert house.resolver.waiting == {}  # and nobody else needs to be asked


@pytest.mark.parametrize(
    ("variables", "code", "is_kept_out"),
    [
        (b'RBLSMTPD="go away"', b"451 go away", True),
        (b'RBLSMTPD="-go away"', b"553 go away", True),
        (b'RBLSMTPD="-go away",RELAYCLIENT=""', b"553 go away", True),
        (b'RBLSMTPD=""', b"250 ok", False),
        (b'RELAYCLIENT=""', b"250 ok", False),
    ],
)
def test_rules_of_the_client_come_before_the_lists(
    tmp_path: Path, variables: bytes, code: bytes, is_kept_out: bool
) -> None:
    rules = tmp_path / "tcprules"
    rules.write_bytes(b"192.0.2.7:allow," + variables + b"\n")
    house = House(b"-r rbl.example", access=AccessSettings(str(tmp_path)))
    client = house.connect(CLIENT)
    assert house.resolver.waiting == {} and house.lists.asked == 0
    assert client.send(MAIL, RCPT) == b"250 ok\r\n" + code + b"\r\n"
    client.send(b"QUIT\r\n")
    assert (b", kept out by RBLSMTPD" in house.last) is is_kept_out


def test_without_a_resolver_the_variable_still_counts(tmp_path: Path) -> None:
    rules = tmp_path / "tcprules"
    rules.write_bytes(b'192.0.2.7:allow,RBLSMTPD="no"\n')
    house = SmtpHouse(AccessSettings(str(tmp_path)), rbldns=(b"-r rbl.example",))
    assert house.connect(CLIENT).codes(MAIL, RCPT) == [250, 451]
    assert house.connect("192.0.2.8").codes(MAIL, RCPT) == [250, 250]


def test_a_client_that_has_gone_leaves_nothing_behind() -> None:
    house = House(b"-r rbl.example")
    client = house.connect(CLIENT)
    client.send(MAIL + RCPT)
    client.lose()
    house.resolver.answer(NAME, text(b"no"))
    assert client.said() == b"" and house.clock.getDelayedCalls() == []
    assert house.last.endswith(b"closed: the client closed the connection, 0 accepted")


def test_a_session_keeps_the_lists_with_which_it_began() -> None:
    house = House(b"-r rbl.example")
    client = house.connect(CLIENT)
    house.factory.configure(attrs.evolve(house.settings, rbldns=()))
    house.resolver.answer(NAME, text(b"no"))
    assert client.codes(MAIL, RCPT) == [250, 451]
    assert house.connect(CLIENT).codes(MAIL, RCPT) == [250, 250]


def test_trouble_is_not_remembered_as_innocence() -> None:
    house = House(b"-r rbl.example")
    first = house.connect(CLIENT)
    house.resolver.answer(NAME, TROUBLE)
    assert first.codes(MAIL, RCPT) == [250, 250]
    second = house.connect(CLIENT)
    house.resolver.answer(NAME, text(b"no"))
    assert second.codes(MAIL, RCPT) == [250, 451]


def test_a_list_that_has_died_holds_up_nobody_for_long() -> None:
    house = House(b"-r dead.example", b"-r rbl.example")
    name = b"7.2.0.192.dead.example"
    for _ in range(5):
        client = house.connect(CLIENT)
        house.resolver.answer(NAME, ABSENT)
        assert client.codes(MAIL + RCPT) == [250]
        house.pass_time(10)
        assert client.codes(b"QUIT\r\n") == [250, 221]
        house.resolver.waiting.pop(Question(name, Kind.TXT))
    warning = b"dnsbl: warning: dead.example does not answer and is not asked for 60 seconds"
    assert house.lines.count(warning) == 1
    resting = house.connect(CLIENT)
    assert set(house.resolver.waiting) == {Question(NAME, Kind.TXT)}
    house.resolver.answer(NAME, ABSENT)
    assert resting.codes(MAIL, RCPT) == [250, 250]
    house.pass_time(60)
    again = house.connect(CLIENT)
    house.resolver.answer(name, text(b"back"))
    assert again.codes(MAIL, RCPT) == [250, 451]
    house.connect(CLIENT)
    house.resolver.answer(name, TROUBLE)  # one failure is none again
    assert house.lines.count(warning) == 1 and not house.lists.is_resting(b"dead.example")


def test_ipv6_clients_are_looked_up_too() -> None:
    house = House(b"-r rbl.example")
    client = house.connect("2001:db8::1")
    name = b"1." + b"0." * 23 + b"8.b.d.0.1.0.0.2.rbl.example"
    house.resolver.answer(name, text(b"six"))
    assert client.codes(MAIL, RCPT) == [250, 451]
    assert set(house.connect("::ffff:192.0.2.7").codes()) == set()
    assert set(house.resolver.waiting) == {Question(NAME, Kind.TXT)}


def test_a_client_of_a_socket_without_addresses_is_not_looked_up() -> None:
    house = House(b"-r rbl.example")
    assert house.connect("unknown").codes(MAIL, RCPT) == [250, 250]
    assert house.resolver.waiting == {}
