"""services/smtp/senderpolicy.py, and what the SMTP service makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.defer import Deferred, succeed

from qmtwist.control.settings import AccessSettings
from qmtwist.mail.dns import Answer, Question
from qmtwist.services.door.listen import NO_ACCESS
from qmtwist.services.smtp.senderpolicy import LIMIT_S, SenderPolicies
from tests.support.listpuppet import Puppet, text
from tests.support.policies import Dns, Names, record
from tests.support.smtp_service import SmtpHouse

MAIL = b"MAIL FROM:<joe@a.example>\r\n"
RCPT = b"RCPT TO:<u@example.org>\r\n"
NAMES: Names = {
    "a.example": record("v=spf1 ip4:192.0.2.7 -all exp=why.a.example"),
    "why.a.example": {"TXT": (b"%{i} is not ours",)},
    "b.example": record("v=spf1 ~all"),
    "mx.far.example": record("v=spf1 -all"),
}


class Quick:
    """A resolver that knows already."""

    def __init__(self) -> None:
        self.dns = Dns(NAMES)

    def ask(self, *questions: Question) -> Deferred[tuple[Answer, ...]]:
        return succeed(tuple(map(self.dns.answer, questions)))


class House(SmtpHouse):
    """The SMTP service with SPF; it asks `resolver`."""

    def __init__(
        self, behavior: int, resolver: Quick | Puppet, access: AccessSettings = NO_ACCESS, **more: object
    ) -> None:
        super().__init__(access, spfbehavior=behavior, **more)
        policies = SenderPolicies(self.clock, resolver)
        self.factory.staff = self.factory.staff._replace(policies=policies)


def test_the_domain_says_no_and_explains() -> None:
    house = House(3, Quick())
    client = house.connect("192.0.2.8")
    assert client.send(b"EHLO mx.far.example\r\n", MAIL, RCPT, RCPT, b"DATA\r\n").endswith(
        b"250 2.1.0 ok\r\n"
        + 2 * b"550 5.7.23 SPF: a.example explains: 192.0.2.8 is not ours (#5.7.23)\r\n"
        + b"503 5.5.1 RCPT first (#5.5.1)\r\n"
    )
    refusal = b"550 SPF: a.example explains: 192.0.2.8 is not ours (#5.7.23)"
    assert house.lines[0] == b"smtp 1: 192.0.2.8:50321 refused <u@example.org>: " + refusal


def test_who_may_send_is_told_of_above_received() -> None:
    house = House(3, Quick())
    client = house.connect("192.0.2.7")
    assert client.codes(b"HELO mx.far.example\r\n", MAIL, RCPT, b"DATA\r\n")[-1] == 354
    message = bytes(house.intake.drafts[-1].data)
    assert message.startswith(b"Received-SPF: pass (mail.example.org: domain of joe@a.example designates 192.0.2.7 as ")
    assert message.count(b"\nReceived: from ") == 1


@pytest.mark.parametrize(
    ("behavior", "sender", "codes"),
    [(0, b"a", [250, 250, 354]), (1, b"a", [250, 250, 354]), (3, b"b", [250, 250, 354]), (4, b"b", [250, 550, 503]),
     (5, b"gone", [250, 250, 354]), (6, b"gone", [250, 550, 503])],
)  # fmt: skip
def test_each_number_refuses_what_it_says(behavior: int, sender: bytes, codes: list[int]) -> None:
    house = House(behavior, Quick())
    client = house.connect("192.0.2.8")
    assert client.codes(b"MAIL FROM:<joe@%s.example>\r\n" % sender, RCPT, b"DATA\r\n") == codes
    if codes[-1] == 354:
        assert (b"Received-SPF: " in bytes(house.intake.drafts[-1].data)) is (behavior > 0)


def test_a_new_transaction_asks_anew_and_a_bounce_about_its_host() -> None:
    house = House(3, Quick())
    client = house.connect("192.0.2.8")
    assert client.codes(b"HELO mx.far.example\r\n", MAIL, RCPT) == [250, 250, 550]
    assert client.codes(b"RSET\r\n", b"MAIL FROM:<x@b.example>\r\n", RCPT) == [250, 250, 250]
    assert client.codes(b"RSET\r\n", b"MAIL FROM:<>\r\n", RCPT) == [250, 250, 550]
    assert client.codes(b"HELO other.example\r\n", b"MAIL FROM:<>\r\n", RCPT) == [250, 250, 250]


def test_recipients_that_are_not_ours_cost_no_question() -> None:
    resolver = Quick()
    house = House(3, resolver)
    assert house.connect("192.0.2.8").codes(MAIL, b"RCPT TO:<u@elsewhere.example>\r\n") == [250, 553]
    assert resolver.dns.asked == []


def test_rules_for_clients_count_first(tmp_path: Path) -> None:
    rules = '192.0.2.8:allow,RELAYCLIENT=""\n192.0.2.9:allow,SPFBEHAVIOR="1"\n'
    (tmp_path / "tcprules").write_text(rules)
    house = House(3, Quick(), AccessSettings(str(tmp_path)))
    codes = [house.connect(f"192.0.2.{n}").codes(MAIL, RCPT)[1] for n in (8, 9, 10)]
    assert codes == [250, 250, 550]


def test_our_own_forwarder_and_our_own_words() -> None:
    house = House(4, Quick(), spfrules=b"ip4:192.0.2.8", spfexp=b"see http://why.example/%{i}")
    assert house.connect("192.0.2.8").codes(MAIL, RCPT) == [250, 250]
    said = house.connect("192.0.2.9").send(b"MAIL FROM:<x@b.example>\r\n", RCPT)
    assert (
        b"550 SPF: b.example probably does not let your host send mail for it: see http://why.example/192.0.2.9 "
        in said
    )


def test_recipients_wait_for_the_dns_and_what_comes_behind_them_too() -> None:
    resolver = Puppet()
    house = House(3, resolver)
    client = house.connect("192.0.2.7")
    assert client.codes(MAIL + RCPT + b"DATA\r\n") == [250]
    resolver.answer(b"a.example", text(b"v=spf1 ip4:192.0.2.7 -all"))
    assert client.codes(b"") == [250, 354]


def test_a_dns_that_never_answers_is_waited_for_so_long() -> None:
    house = House(2, Puppet())
    client = house.connect("192.0.2.7")
    assert client.codes(MAIL, RCPT) == [250]
    house.clock.advance(LIMIT_S - 1)
    assert client.said() == b""
    house.clock.advance(1)
    assert client.said() == b"451 SPF: DNS did not answer in time; please try again later (#4.7.24)\r\n"


def test_a_client_that_has_gone_leaves_nothing_behind() -> None:
    house = House(3, Puppet())
    client = house.connect("192.0.2.7")
    client.send(MAIL + RCPT)
    client.lose()
    assert client.said() == b"" and house.clock.getDelayedCalls() == []


class Broken:
    """A resolver with a bug."""

    def ask(self, *questions: Question) -> Deferred[tuple[Answer, ...]]:
        raise ZeroDivisionError


def test_a_bug_delays_mail_and_is_logged() -> None:
    house = House(3, Broken())  # type: ignore[arg-type]
    client = house.connect("192.0.2.7")
    assert client.codes(MAIL, RCPT)[-1] == 451
    assert any(b"ZeroDivisionError" in line for line in house.lines)
