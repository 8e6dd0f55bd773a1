from __future__ import annotations

from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from qmtwist.control.remote import RemoteSettings
from qmtwist.mail.dns import Answer, Kind, Question, Status
from qmtwist.mail.errors import MailError, Malformed, Permanent, Temporary
from qmtwist.rules.tlspolicy import Level
from qmtwist.services.remote import route
from qmtwist.services.remote.route import Route, Router, Rules

SETTINGS = RemoteSettings(
    helohost=b"here.example",
    smtproutes={b"routed.example": b"[192.0.2.9]:26"},
    qmtproutes={},
    tlspolicy={b"strict.example": b"verify", b"wrong.example": b"perhaps"},
    outgoingip=(b"192.0.2.77", b"a.example:192.0.2.78"),
    localaddresses=(b"192.0.2.50",),
    nameservers=(),
    families=b"ipv4 ipv6",
    timeoutconnect_s=60,
    timeoutremote_s=1200,
    idle_s=3,
    max_messages=100,
)


@pytest.fixture(autouse=True)
def without_interfaces(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine may have addresses of the documentation's."""
    monkeypatch.setattr(route, "own_addresses", frozenset)


class Names:
    """A resolver that knows a few hosts."""

    def __init__(self, records: dict[tuple[bytes, str], tuple[Any, ...]]) -> None:
        self._records = records
        self.asked = 0

    def ask(self, *questions: Question) -> Deferred[tuple[Answer, ...]]:
        self.asked += 1
        return succeed(tuple(self._answer(question) for question in questions))

    def _answer(self, question: Question) -> Answer:
        found = self._records.get((question.name, question.kind))
        return Answer(Status.FOUND, found, 60) if found else Answer(Status.ABSENT)


class Desk:
    def __init__(self, **records: Any) -> None:
        self.clock = Clock()
        self.names = Names(
            {
                (b"one.example", Kind.A): ("192.0.2.1",),
                (b"many.example", Kind.A): tuple(f"192.0.2.{number}" for number in range(1, 31)),
                (b"strict.example", Kind.A): ("192.0.2.1",),
                (b"self.example", Kind.A): ("192.0.2.50",),
            }
        )
        self.router = Router(cast(Any, self.clock), self.names, Rules(SETTINGS))

    def find(self, host: bytes) -> Route:
        found = self.look(host)
        assert isinstance(found, Route), found
        return found

    def look(self, host: bytes) -> Route | MailError:
        answers: list[Route | MailError] = []
        self.router.find(host, answers.append)
        (answer,) = answers
        return answer


def test_an_answer_is_kept_for_a_second() -> None:
    desk = Desk()
    first = desk.find(b"one.example")
    asked = desk.names.asked
    assert desk.find(b"one.example") is first and desk.names.asked == asked
    desk.clock.advance(route.KEPT_S)
    assert desk.find(b"one.example") == first and desk.names.asked > asked


def test_chance_decides_anew_for_every_message() -> None:
    desk = Desk()
    firsts = {desk.find(b"many.example").targets[0].address for _ in range(200)}
    assert len(firsts) > 15


def test_few_routes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(route, "KEPT_ROUTES", 2)
    desk = Desk()
    for host in (b"one.example", b"strict.example", b"routed.example"):
        desk.find(host)
    assert len(desk.router._kept) == 1


def test_routes_and_policies_of_control_are_in_force() -> None:
    desk = Desk()
    found = desk.find(b"routed.example")
    assert found.hop.is_route and [target[:2] for target in found.targets] == [("192.0.2.9", 26)]
    assert desk.find(b"strict.example").policy.level is Level.VERIFY
    rules = desk.router.rules
    assert rules.bind_address(b"s@b.example", "192.0.2.1") == "192.0.2.77"
    assert rules.bind_address(b"s@A.example", "192.0.2.1") == "192.0.2.78"
    assert rules.bind_address(b"s@a.example", "2001:db8::1") is None


def test_nobody_is_there_or_it_is_us() -> None:
    desk = Desk()
    for host in (b"none.example", b"self.example"):
        assert isinstance(desk.look(host), Permanent)


def test_a_policy_that_is_none_lets_mail_wait() -> None:
    answer = Desk().look(b"wrong.example")
    assert isinstance(answer, Temporary) and answer.text.startswith("control/tlspolicy: ")


def test_a_kernel_that_does_not_tell_our_addresses_lets_mail_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> frozenset[bytes]:
        raise OSError

    monkeypatch.setattr(route, "own_addresses", fail)
    assert isinstance(Desk().look(b"one.example"), Temporary)


def test_our_addresses_are_asked_for_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(route, "own_addresses", lambda: asked.append(1) or frozenset())
    desk = Desk()
    for _ in range(5):
        desk.find(b"many.example")
    assert len(asked) == 1
    desk.clock.advance(route.OWN_S)
    desk.find(b"many.example")
    assert len(asked) == 2


def test_settings_without_meaning_are_refused() -> None:
    with pytest.raises(Malformed):
        Rules(SETTINGS._replace(families=b"ipv5"))
