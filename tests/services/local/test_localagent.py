"""The daemon's side of the local agent, with the real agent, real workers and real maildirs."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor  # noqa: TID251 (tests run in the global one)
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.logger import LogEvent

from qmtwist.control.settings import DeliverySettings
from qmtwist.mail.errors import MailError, Permanent, Temporary
from qmtwist.mail.outcome import Outcome, Verdict
from qmtwist.services.local import courier as localagent
from qmtwist.services.local.courier import ABSENT, CRASHED, LocalAgent
from qmtwist.wire import spawn
from qmtwist.wire.mailbox import encode_open, parse_listing
from qmtwist.wire.spawn import DeliverOrder
from tests.support.localhome import MESSAGE, LocalHome

DID = Outcome(Verdict.SUCCESS, b"did 1+0+0\n")
CHECKPASSWORD = """#!/bin/sh
HOME={home} USER=joe; export HOME USER
case "`tr '\\000' '\\n' <&3 | sed -n 2p`" in
  right) exec {become} "$@" ;;
  *) exit 1 ;;
esac
"""


class Office:
    """A home and the daemon's half of its local agent."""

    def __init__(self, top: str, has_logins: bool = False, idle_s: int = 60) -> None:
        self.home = LocalHome(top)
        self.log: list[bytes] = []
        self.losses = 0
        checkpassword = self._make_checkpassword() if has_logins else None
        settings = DeliverySettings(b"./Maildir/", 60, idle_s)
        self.agent = LocalAgent(reactor, self.home.path, settings, checkpassword, self.log.append, self._lost)
        self.agent.start()

    def _make_checkpassword(self) -> bytes:
        become = f"/usr/bin/setpriv --reuid={self.home.uid} --regid={self.home.gid} --clear-groups"
        text = CHECKPASSWORD.format(home=self.home.joe, become=become if os.geteuid() == 0 else "")
        self.home.install("checkpassword", text)
        return f"{self.home.path}/bin/checkpassword".encode()

    def _lost(self) -> None:
        self.losses += 1

    def deliver(
        self, local: bytes = b"joe", message: bytes | None = MESSAGE, descriptor: int | None = None
    ) -> Deferred[Outcome]:
        done: Deferred[Outcome] = Deferred()
        order = DeliverOrder(b"s@example.org", local, b"example.net", message)
        self.agent.deliver(order, descriptor, done.callback)
        return done

    def pid(self) -> int:
        """The agent's."""
        process = self.agent._process
        assert process is not None and process.transport is not None and process.transport.pid is not None
        return process.transport.pid

    def workers(self) -> list[int]:
        """Their pids."""
        return [int(word) for word in Path(f"/proc/{self.pid()}/task/{self.pid()}/children").read_text().split()]


async def until(condition: Callable[[], object]) -> None:
    for _ in range(1000):
        if condition():
            return
        await deferLater(reactor, 0.01)  # type: ignore[arg-type]
    raise AssertionError("it never came")


@pytest_twisted.async_yield_fixture
async def make_office(open_directory: str, bugs: list[LogEvent]) -> AsyncIterator[Callable[..., Office]]:
    made: list[Office] = []

    def make(**options: int) -> Office:
        made.append(Office(open_directory, **options))
        return made[-1]

    yield make
    for office in made:
        await office.agent.stop()


@pytest.fixture
def office(make_office: Callable[..., Office]) -> Office:
    return make_office()


@pytest_twisted.ensureDeferred
async def test_mail_is_delivered_and_reported(office: Office) -> None:
    assert await office.deliver() == DID
    assert office.home.delivered() == [b"Return-Path: <s@example.org>\nDelivered-To: joe@example.net\n" + MESSAGE]


@pytest_twisted.ensureDeferred
async def test_a_thousand_orders_bring_a_thousand_reports(office: Office) -> None:
    reports = await gatherResults([office.deliver(message=b"Subject: %d\n\n" % number) for number in range(1000)])
    assert Counter(reports) == {DID: 1000}
    assert len(set(office.home.delivered())) == 1000
    assert len(office.workers()) == 1


@pytest_twisted.ensureDeferred
async def test_a_large_message_travels_as_a_descriptor_which_is_closed(office: Office) -> None:
    descriptor = os.memfd_create("message")
    os.write(descriptor, b"x" * 1_000_000)
    assert await office.deliver(message=None, descriptor=descriptor) == DID
    assert office.home.delivered()[0].endswith(b"x" * 1_000_000)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


@pytest_twisted.ensureDeferred
async def test_refusals_are_reports(office: Office) -> None:
    office.home.assign(office.home.lines("toor", "/root", uid=0))
    root = Outcome(Verdict.DEFERRAL, b"Not allowed to perform deliveries as root.\n")
    assert await office.deliver(b"toor") == root
    assert await office.deliver(b"") == Outcome(Verdict.SUCCESS, b"")


@pytest_twisted.ensureDeferred
async def test_lookups_of_one_address_are_asked_once(office: Office) -> None:
    first, second = office.deliver(), office.deliver()
    assert len(office.agent._lookups) == 1
    assert await first == await second == DID
    third = office.deliver()
    assert not office.agent._lookups  # it is remembered
    assert await third == DID


@pytest_twisted.ensureDeferred
async def test_a_new_database_is_seen_by_the_next_delivery(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(localagent, "SIGNATURE_S", 0.0)
    assert await office.deliver() == DID
    office.home.assign(office.home.lines("joe", "/root", uid=0))
    assert (await office.deliver()).text == b"Not allowed to perform deliveries as root.\n"


@pytest_twisted.ensureDeferred
async def test_killing_workers_under_load_leaves_one_report_for_each_order(office: Office) -> None:
    reports: Counter[int] = Counter()
    outcomes: list[Outcome] = []

    def order(number: int) -> None:
        def report(outcome: Outcome) -> None:
            reports[number] += 1
            outcomes.append(outcome)

        message = b"Subject: %d\n\n" % number
        office.agent.deliver(DeliverOrder(b"", b"joe", b"h", message), None, report)

    for burst in range(5):
        for number in range(100):
            order(100 * burst + number)
        await deferLater(reactor, 0.02)  # type: ignore[arg-type]
        for pid in office.workers():
            os.kill(pid, signal.SIGKILL)
    await until(lambda: len(reports) == 500)
    assert set(reports.values()) == {1}
    assert {outcome.verdict for outcome in outcomes} <= {Verdict.SUCCESS, Verdict.DEFERRAL}
    done = sum(outcome == DID for outcome in outcomes)
    assert done <= len(office.home.delivered()) <= 500
    assert office.losses == 0


@pytest_twisted.ensureDeferred
async def test_orders_of_a_worker_that_dies_are_deferred(office: Office) -> None:
    os.mkfifo(f"{office.home.joe}/gate")
    office.home.write(".qmail-wait", f"|cat {office.home.joe}/gate\n")
    assert await office.deliver() == DID
    waiting = office.deliver(b"joe-wait")
    await until(lambda: not office.agent._lookups)
    os.kill(office.workers()[0], signal.SIGKILL)
    assert await waiting == CRASHED


@pytest_twisted.ensureDeferred
async def test_a_check_is_answered_and_remembered(office: Office) -> None:
    answer = office.agent.check(b"joe", b"h")
    assert isinstance(answer, Deferred) and await answer == b"y"
    assert office.agent.check(b"joe", b"h") == b"y"
    answer = office.agent.check(b"joe-list", b"h")
    assert isinstance(answer, Deferred) and await answer == b"n"
    office.home.write(".qmail-list", "")
    office.agent.forget()
    answer = office.agent.check(b"joe-list", b"h")
    assert isinstance(answer, Deferred) and await answer == b"y"


@pytest_twisted.ensureDeferred
async def test_what_cannot_be_found_out_is_undecided_and_asked_anew(office: Office) -> None:
    Path(office.home.path, "users/cdb").write_bytes(b"short")
    for _ in range(2):
        answer = office.agent.check(b"joe", b"h")
        assert isinstance(answer, Deferred) and await answer == b"?"


@pytest_twisted.ensureDeferred
async def test_a_mailbox_can_be_listed(office: Office) -> None:
    assert await office.deliver() == DID
    frame, descriptor = await office.agent.channel_request(b"joe", spawn.OPEN, encode_open(b"joe", b"Maildir"))
    assert (frame.kind, descriptor) == (spawn.LISTING, None)
    assert len(parse_listing(frame.payload).names) == 1


@pytest_twisted.ensureDeferred
async def test_a_login_brings_a_worker_until_it_is_released(make_office: Callable[..., Office]) -> None:
    office = make_office(has_logins=True)
    worker = await office.agent.login(b"joe", b"right", b"<1@h>")
    frame, _ = await worker.request(spawn.OPEN, encode_open(worker.local, b"Maildir"))
    assert frame.kind == spawn.LISTING
    assert len(office.workers()) == 1
    worker.release()
    await until(lambda: not office.workers())


@pytest_twisted.ensureDeferred
async def test_a_wrong_secret_is_a_permanent_refusal(
    make_office: Callable[..., Office],
) -> None:
    office = make_office(has_logins=True)
    with pytest.raises(Permanent):
        await office.agent.login(b"joe", b"wrong", b"<1@h>")


@pytest_twisted.ensureDeferred
async def test_without_a_program_nobody_can_log_in(office: Office) -> None:
    with pytest.raises(MailError):
        await office.agent.login(b"joe", b"right", b"<1@h>")


@pytest_twisted.ensureDeferred
async def test_an_idle_worker_is_let_go_and_the_next_delivery_has_a_new_one(
    make_office: Callable[..., Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(localagent, "SWEEP_S", 0.05)
    office = make_office(idle_s=0)
    assert await office.deliver() == DID
    await until(lambda: not office.workers())
    assert await office.deliver() == DID


@pytest_twisted.ensureDeferred
async def test_a_worker_that_ended_while_it_was_named_is_looked_up_again(office: Office) -> None:
    assert await office.deliver() == DID
    office.agent.forget()
    again = office.deliver()
    for link in list(office.agent._links.values()):
        link.close()  # the answer to the lookup still names it
    assert await again == DID


@pytest_twisted.ensureDeferred
async def test_stopping_lets_running_deliveries_end_and_takes_no_more(office: Office) -> None:
    assert await office.deliver() == DID
    running = [office.deliver(message=b"%d" % number) for number in range(20)]
    stopped = office.agent.stop()
    assert await gatherResults(running) == [DID] * 20
    assert await office.deliver(b"ann") == ABSENT
    await stopped
    await office.agent.stop()  # a second time does no harm
    assert office.losses == 0


@pytest_twisted.ensureDeferred
async def test_an_agent_that_dies_is_lost_once_and_everything_is_deferred(office: Office) -> None:
    assert await office.deliver() == DID
    os.kill(office.pid(), signal.SIGKILL)
    await until(lambda: office.losses)
    assert await office.deliver(b"ann") == ABSENT
    with pytest.raises(Temporary):
        await office.agent.channel_request(b"ann", spawn.OPEN, encode_open(b"ann", b"Maildir"))
    assert office.losses == 1
    assert any(line.startswith(b"alert: qmail-lspawn is gone") for line in office.log)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a second user")
@pytest_twisted.ensureDeferred
async def test_of_too_many_workers_the_one_idle_longest_is_let_go(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(localagent, "WORKER_LIMIT", 2)
    names = [b"joe", b"ann", b"bob"]
    lines = [office.home.lines(name.decode(), office.home.joe, office.home.uid + at) for at, name in enumerate(names)]
    office.home.assign("".join(lines))
    for name in names:
        answer = office.agent.check(name, b"h")
        assert isinstance(answer, Deferred) and await answer == b"y"
    await until(lambda: len(office.workers()) == 2)
    assert {link.uid for link in office.agent._links.values()} == {office.home.uid + 1, office.home.uid + 2}
    assert await office.deliver() == DID
