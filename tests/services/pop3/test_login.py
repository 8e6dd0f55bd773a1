from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from qmtwist.control import passwords
from qmtwist.control.passwords import REMEMBERED_S, PasswordFile, set_password
from qmtwist.services.pop3 import login
from qmtwist.services.pop3.login import (
    DELAY_LIMIT_S,
    FIRST_DELAY_S,
    FORGET_S,
    WAIT_LIMIT_S,
    Admission,
    Gatekeeper,
    Penalties,
)
from tests.support.mailboxes import FakeWorker, InProcessAgent


class Threads:
    """Checks in this thread, counted; while `is_held` they wait."""

    def __init__(self) -> None:
        self.checks = 0
        self.is_held = False
        self.waiting: list[Callable[[], None]] = []

    def run(self, work: Callable[[bytes, bytes, bytes], bool], a: bytes, b: bytes, c: bytes, /) -> Deferred[bool]:
        self.checks += 1
        if not self.is_held:
            return succeed(work(a, b, c))
        later: Deferred[bool] = Deferred()
        self.waiting.append(lambda: later.callback(work(a, b, c)))
        return later


class Gate:
    """A Gatekeeper over a password file with `joe:secret`."""

    def __init__(self, home: str, has_file: bool = True) -> None:
        self.home = home
        self.clock = Clock()
        self.clock.advance(1000)
        self.threads = Threads()
        self.agent = InProcessAgent({})
        book = PasswordFile(home) if has_file else None
        self.keeper = Gatekeeper(
            self.clock, self.agent, self.threads, book, lambda name: name.partition(b"@")[0] or None
        )

    def start(self, name: bytes, secret: bytes, ip: bytes = b"192.0.2.1", is_apop: bool = False) -> Deferred[Admission]:
        return Deferred.fromCoroutine(self.keeper.login(name, secret, is_apop, b"<1.2@h>", ip))

    def attempt(
        self, name: bytes, secret: bytes, ip: bytes = b"192.0.2.1", is_apop: bool = False
    ) -> tuple[bool, float]:
        """Whether it went well, and how many seconds the answer took."""
        found: list[Admission] = []
        self.start(name, secret, ip, is_apop).addCallback(found.append)
        began = self.clock.seconds()
        while not found:
            self.clock.advance(0.25)
        return found[0].worker is not None, self.clock.seconds() - began


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gate:
    monkeypatch.setattr(passwords, "_LOG_N", 2)
    (tmp_path / "users").mkdir()
    set_password(str(tmp_path), b"joe", b"secret")
    return Gate(str(tmp_path))


def test_the_right_password_opens_at_once(gate: Gate) -> None:
    assert gate.attempt(b"joe", b"secret") == (True, 0)


def test_an_address_of_ours_is_its_mailboxs_name(gate: Gate) -> None:
    assert gate.attempt(b"joe@example.org", b"secret") == (True, 0)


def test_each_failure_takes_longer_than_the_one_before_up_to_a_limit(gate: Gate) -> None:
    took = [gate.attempt(b"joe", b"wrong")[1] for _ in range(7)]
    assert took[:4] == [FIRST_DELAY_S * 2**n for n in range(4)]
    assert took[-1] == DELAY_LIMIT_S


def test_wrong_name_and_wrong_password_look_the_same(gate: Gate) -> None:
    assert gate.attempt(b"joe", b"wrong", b"192.0.2.2") == gate.attempt(b"nobody", b"wrong", b"192.0.2.3")
    assert gate.threads.checks == 2


def test_other_addresses_do_not_wait(gate: Gate) -> None:
    gate.attempt(b"joe", b"wrong")
    assert gate.attempt(b"joe", b"secret", b"192.0.2.9") == (True, 0)


def test_addresses_of_one_ipv6_network_are_one(gate: Gate) -> None:
    gate.attempt(b"joe", b"wrong", b"2001:db8::1")
    assert gate.attempt(b"joe", b"wrong", b"2001:db8::2")[1] == 2 * FIRST_DELAY_S


def test_guesses_at_the_same_time_are_answered_one_after_the_other(gate: Gate) -> None:
    answered: list[float] = []
    for _ in range(3):
        gate.start(b"joe", b"wrong").addCallback(lambda _: answered.append(gate.clock.seconds()))
    assert answered == []
    while len(answered) < 3:
        gate.clock.advance(0.25)
    assert answered[-1] - 1000 >= FIRST_DELAY_S * (1 + 2 + 4)


def test_hanging_up_does_not_save_a_failure(gate: Gate) -> None:
    gate.threads.is_held = True
    guess = gate.start(b"joe", b"wrong")
    guess.addErrback(lambda _: None)
    guess.cancel()
    gate.threads.is_held = False
    assert gate.attempt(b"joe", b"wrong")[1] >= 2 * FIRST_DELAY_S


def test_a_proved_password_is_not_computed_again_for_a_while(gate: Gate) -> None:
    for _ in range(3):
        assert gate.attempt(b"joe", b"secret") == (True, 0)
        gate.clock.advance(REMEMBERED_S / 4)
    assert gate.threads.checks == 1
    gate.clock.advance(REMEMBERED_S / 4)
    assert gate.attempt(b"joe", b"secret") == (True, 0)
    assert gate.threads.checks == 2, "to be used does not prolong it"


def test_a_changed_password_is_computed_anew(gate: Gate) -> None:
    assert gate.attempt(b"joe", b"secret")[0]
    set_password(gate.home, b"joe", b"other")
    assert not gate.attempt(b"joe", b"secret")[0]
    assert gate.attempt(b"joe", b"other")[0]


def test_apop_is_refused_where_only_hashes_are_stored(gate: Gate) -> None:
    assert not gate.keeper.has_apop
    assert not gate.attempt(b"joe", b"secret", is_apop=True)[0]
    assert gate.threads.checks == 0


@pytest.mark.parametrize("limit", [1, 3])
def test_more_checks_than_the_limit_are_put_off(gate: Gate, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(login, "CHECKS_LIMIT", limit)
    gate.threads.is_held = True
    found: list[Admission] = []
    waiting = [gate.start(b"joe", b"secret", b"192.0.2.%d" % number) for number in range(limit)]
    gate.start(b"joe", b"secret").addCallback(found.append)
    assert found[0].is_temporary
    waiting[0].addErrback(lambda _: None)
    waiting[0].cancel()  # its thread works on
    gate.start(b"joe", b"secret").addCallback(found.append)
    assert found[1].is_temporary
    for finish in gate.threads.waiting:
        finish()
    gate.threads.is_held = False
    assert gate.attempt(b"joe", b"secret")[0]


def test_a_checkpassword_program_decides_and_gets_name_secret_and_challenge(tmp_path: Path) -> None:
    gate = Gate(str(tmp_path), has_file=False)
    assert gate.keeper.has_apop
    assert gate.attempt(b"joe smith", b"secret", is_apop=True) == (True, 0)
    assert gate.attempt(b"joe smith", b"wrong") == (False, FIRST_DELAY_S)
    assert gate.agent.logins == [(b"joe smith", b"secret", b"<1.2@h>"), (b"joe smith", b"wrong", b"<1.2@h>")]


def test_a_program_that_cannot_tell_is_temporary_and_no_failure(tmp_path: Path) -> None:
    gate = Gate(str(tmp_path), has_file=False)
    gate.agent.is_gone = True
    assert gate.attempt(b"joe", b"secret") == (False, 0)
    gate.agent.is_gone = False
    assert gate.attempt(b"joe", b"secret") == (True, 0)


def test_a_worker_that_comes_after_its_client_has_gone_is_released(tmp_path: Path) -> None:
    gate = Gate(str(tmp_path), has_file=False)
    late: Deferred[FakeWorker] = Deferred()
    gate.agent.login = lambda name, secret, challenge: late  # type: ignore[method-assign]
    waiting = gate.start(b"joe", b"secret")
    waiting.addErrback(lambda _: None)
    waiting.cancel()
    worker = FakeWorker(gate.agent, b"joe")
    late.callback(worker)
    assert worker.is_released


def test_penalties_are_forgotten_and_bounded() -> None:
    penalties = Penalties(limit=2)
    for client in (b"a", b"b", b"c"):
        penalties.failed(client, 100.0)
    assert [penalties.wait_s(client, 100.0) > 0 for client in (b"a", b"b", b"c")] == [False, True, True]
    assert penalties.wait_s(b"b", 100.0 + FORGET_S + 1) == 0
    penalties.failed(b"b", 100.0 + FORGET_S + 1)
    assert penalties.wait_s(b"b", 100.0 + FORGET_S + 1) == FIRST_DELAY_S


def test_nobody_waits_longer_than_the_limit() -> None:
    penalties = Penalties()
    for _ in range(100):
        penalties.failed(b"a", 100.0)
    assert penalties.wait_s(b"a", 100.0) == WAIT_LIMIT_S
