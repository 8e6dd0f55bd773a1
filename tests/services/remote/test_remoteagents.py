"""The remote agents of the daemon: real processes that hold sessions, and which of them does what."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor as real_reactor  # noqa: TID251 (the test is where it comes from)
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from qmtwist.cli.control.launchers import write_launchers
from qmtwist.mail.outcome import Outcome, Verdict
from qmtwist.services.remote import couriers as remoteagents
from qmtwist.services.remote.courier import ABSENT, CRASHED, CUT_OFF
from qmtwist.services.remote.couriers import RemoteAgents
from qmtwist.services.seams import RemoteCourier
from qmtwist.wire.remoteorder import RemoteOrder
from tests.support import peers
from tests.support.peers import Peer
from tests.support.remote_desk import order

PROGRAM = "#!/bin/sh\nprintf 'r\\0Kby program\\0'\n"


class Lines(list[bytes]):
    def line(self, line: bytes, /) -> None:
        self.append(line)

    def remark(self, level: str, text: str, /) -> None:
        self.append(text.encode())


class House:
    """A home with its agents."""

    def __init__(self, home: str, count: int = 1, **control: str) -> None:
        self.home, self.log, self.losses = home, Lines(), 0
        write_launchers(home)
        os.makedirs(f"{home}/control", exist_ok=True)
        os.makedirs(f"{home}/queue/lock", exist_ok=True)
        for name, text in {"me": "here.example", **control}.items():
            self.write(name, text)
        self.agents = RemoteAgents(real_reactor, home, count, self.log, self.lost)  # type: ignore[arg-type]
        self.agents.start()

    def write(self, name: str, text: str) -> None:
        Path(self.home, "control", name).write_text(text + "\n")

    def replace(self) -> None:
        """Put another make's program in the place of ours."""
        path = Path(self.home, "bin/qmail-remote")
        path.write_text(PROGRAM)
        path.chmod(0o755)

    def lost(self) -> None:
        self.losses += 1

    def deliver(self, ordered: RemoteOrder, descriptor: int | None = None) -> Deferred[list[Outcome]]:
        result: Deferred[list[Outcome]] = Deferred()
        reports: dict[int, Outcome] = {}

        def report(index: int, outcome: Outcome) -> None:
            assert index not in reports
            reports[index] = outcome
            if len(reports) == len(ordered.locals):
                result.callback([reports[at] for at in range(len(reports))])

        courier: RemoteCourier = self.agents
        courier.transact(ordered, descriptor, report, lambda go: go())
        return result.addTimeout(20, real_reactor)  # type: ignore[arg-type]

    def pids(self) -> list[int]:
        found = []
        for agent in self.agents._agents:
            process = agent._process
            if process is not None and process.transport is not None and process.transport.pid:
                found.append(process.transport.pid)
        return found


Make = Callable[..., House]


@pytest_twisted.async_yield_fixture
async def make(open_directory: str) -> AsyncIterator[Make]:
    houses: list[House] = []

    def make_one(count: int = 1, **control: str) -> House:
        houses.append(House(open_directory, count, **control))
        return houses[-1]

    yield make_one
    for house in houses:
        await house.agents.stop()


async def until(condition: Callable[[], object]) -> None:
    for _ in range(2000):
        if condition():
            return
        await deferLater(real_reactor, 0.01)  # type: ignore[arg-type]
    raise AssertionError("it never came")


@pytest_twisted.ensureDeferred
async def test_an_agent_holds_the_sessions_and_is_not_root(make: Make) -> None:
    with Peer() as peer:
        house = make(smtproutes=f":{peer.route}")
        assert not house.agents.runs_programs
        for _ in range(3):
            outcomes = await house.deliver(order(b"far.example", b"joe", b"ann"))
            assert [outcome.verdict for outcome in outcomes] == [Verdict.SUCCESS] * 2
        assert peer.connections == 1
        (pid,) = house.pids()
        status = Path(f"/proc/{pid}/status").read_text()
        assert "\nUid:\t0\t" not in status
        assert not Path(f"/proc/{pid}/task/{pid}/children").read_text()
    assert house.log == []


@pytest_twisted.ensureDeferred
async def test_a_killed_agent_defers_what_it_had_and_is_back_at_once(make: Make) -> None:
    with Peer(dot=peers.stall) as stalling, Peer() as peer:
        house = make(smtproutes=f"stalling.example:{stalling.route}\n:{peer.route}")
        await house.deliver(order(b"far.example"))
        held = [house.deliver(order(b"stalling.example", b"a", b"b")) for _ in range(3)]
        await until(lambda: len(stalling.messages) == 3)
        os.kill(house.pids()[0], signal.SIGKILL)
        for result in held:
            assert await result == [CRASHED, CRASHED]
        await until(lambda: house.losses == 1 and house.pids())
        assert (await house.deliver(order(b"far.example")))[0].verdict is Verdict.SUCCESS
        assert len(house.log) == 1 and house.log[0].startswith(b"alert: oh no! lost qmail-rspawn: ")


@pytest_twisted.ensureDeferred
async def test_an_agent_that_never_did_anything_is_started_again_after_a_while(make: Make) -> None:
    house = make()
    os.kill(house.pids()[0], signal.SIGKILL)
    await until(lambda: house.losses == 1)
    assert await house.deliver(order(b"far.example")) == [ABSENT]
    assert house.agents._agents[0]._restart is not None


@pytest_twisted.ensureDeferred
async def test_a_stop_defers_what_has_no_end_and_says_quit_to_the_rest(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qmtwist.services.remote.courier.STOP_S", 0.5)
    with Peer(dot=peers.stall) as stalling, Peer() as peer:
        house = make(smtproutes=f"stalling.example:{stalling.route}\n:{peer.route}")
        await house.deliver(order(b"far.example"))
        held = house.deliver(order(b"stalling.example"))
        await until(lambda: stalling.messages)
        await house.agents.stop()
        assert await held == [CUT_OFF]
        assert await house.deliver(order(b"far.example")) == [ABSENT]


@pytest_twisted.ensureDeferred
async def test_a_stop_ends_the_process_when_nothing_is_under_way(make: Make) -> None:
    with Peer() as peer:
        house = make(smtproutes=f":{peer.route}")
        await house.deliver(order(b"far.example"))
        (pid,) = house.pids()
        await house.agents.stop()
        await until(lambda: peer.commands[-1] == b"QUIT" and not Path(f"/proc/{pid}").exists())
        assert house.losses == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest_twisted.ensureDeferred
async def test_signals_to_all_of_us_leave_it_to_the_daemon_when_its_agents_go(make: Make, number: int) -> None:
    with Peer(dot=peers.after(0.3, b"250 kept\r\n")) as peer:
        house = make(smtproutes=f":{peer.route}")
        held = house.deliver(order(b"far.example"))
        await until(lambda: peer.messages)
        (pid,) = house.pids()
        os.kill(pid, number)
        assert (await held)[0].verdict is Verdict.SUCCESS
        assert (await house.deliver(order(b"far.example")))[0].verdict is Verdict.SUCCESS
        assert (house.pids(), house.losses) == ([pid], 0)
        await house.agents.stop()
        await until(lambda: not Path(f"/proc/{pid}").exists())


@pytest_twisted.ensureDeferred
async def test_a_destination_stays_with_its_agent_and_another_steps_in_for_a_dead_one(make: Make) -> None:
    with Peer() as peer:
        house = make(3, smtproutes=f":{peer.route}")
        for number in range(12):
            for host in (b"d%d.example" % number, b"D%d.Example" % number):
                assert (await house.deliver(order(host)))[0].verdict is Verdict.SUCCESS
        assert 1 < peer.connections <= 3
        for pid in house.pids()[:2]:
            os.kill(pid, signal.SIGKILL)
        await until(lambda: house.losses == 2)
        for number in range(12):
            assert (await house.deliver(order(b"d%d.example" % number)))[0].verdict is Verdict.SUCCESS


@pytest_twisted.ensureDeferred
async def test_hup_gives_the_agents_new_routes(make: Make) -> None:
    with Peer() as old, Peer() as new:
        house = make(2, smtproutes=f":{old.route}")
        await house.deliver(order(b"far.example"))
        house.write("smtproutes", f":{new.route}")
        house.agents.reload()
        for number in range(4):
            await house.deliver(order(b"d%d.example" % number))
        assert (len(old.messages), len(new.messages)) == (1, 4)


@pytest_twisted.ensureDeferred
async def test_complaints_of_the_agents_come_into_the_log(make: Make) -> None:
    house = make(outgoingfamilies="ipv5")
    await until(lambda: house.log)
    assert b"control/outgoingfamilies" in house.log[0]


@pytest_twisted.ensureDeferred
async def test_a_program_of_another_make_is_run_from_the_next_hup_on(make: Make) -> None:
    with Peer() as peer:
        house = make(smtproutes=f":{peer.route}")
        await house.deliver(order(b"far.example"))
        house.replace()
        house.agents.reload()
        assert house.agents.runs_programs
        assert await house.deliver(order(b"far.example")) == [Outcome(Verdict.SUCCESS, b"by program")]
        write_launchers(house.home)
        os.unlink(f"{house.home}/bin/qmail-remote")
        house.agents.reload()
        assert not house.agents.runs_programs
        assert (await house.deliver(order(b"far.example")))[0].text.startswith(b"127.0.0.1 accepted")
        assert house.losses == 0


def test_the_environment_may_name_a_program(open_directory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_launchers(open_directory)
    assert not remoteagents.runs_programs(open_directory)
    monkeypatch.setenv("QMAILREMOTE", "/bin/true")
    assert remoteagents.runs_programs(open_directory)


def resident_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    raise AssertionError("it is gone")


@pytest.mark.parametrize("rate", ["fast", "slow"])
@pytest_twisted.ensureDeferred
async def test_a_large_message_does_not_pass_through_memory(make: Make, tmp_path: Path, rate: str) -> None:
    message = tmp_path / "message"
    message.write_bytes((b"x" * 99 + b"\n") * 300_000)
    with Peer() as peer:
        if rate == "slow":
            peer.acts["body"] = peers.after(0.3, b"")
        house = make(smtproutes=f":{peer.route}")
        await house.deliver(order(b"far.example"))
        before = resident_kb(house.pids()[0])
        results = [house.deliver(order(b"far.example", message=None), os.open(message, os.O_RDONLY)) for _ in range(2)]
        for result in results:
            assert (await result)[0].verdict is Verdict.SUCCESS
        assert resident_kb(house.pids()[0]) - before < 4000
        assert [len(sent.body) for sent in peer.messages[1:]] == [101 * 300_000] * 2
