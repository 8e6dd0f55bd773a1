"""The remote agent that runs programs: the real process, with stand-ins for qmail-remote."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor as real_reactor  # noqa: TID251 (the test is where it comes from)
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from qmtwist.cli.control.launchers import write_launchers
from qmtwist.mail.outcome import Outcome, Verdict
from qmtwist.services.remote.courier import ABSENT, CRASHED, RemoteAgent
from qmtwist.wire.remoteorder import RemoteOrder

ORDER = RemoteOrder(b"s@x", b"far.example", (b"joe",), b"Subject: t\n\nbody\n")
PROGRAMS = [b"--agent", b"--programs"]
ECHO = """#!/bin/sh
printf 'r\\0K[%s][%s][%s]' "$1" "$2" "$3"
cat
printf '\\0'
"""


class Lines(list[bytes]):
    def line(self, line: bytes, /) -> None:
        self.append(line)

    def remark(self, level: str, text: str, /) -> None:
        self.append(text.encode())


class Bench:
    def __init__(self, home: str, remote: str | None) -> None:
        self.home, self.log, self.losses = home, Lines(), 0
        write_launchers(home)
        if remote is not None:
            self.install(remote)
        self.agent = RemoteAgent(real_reactor, home, self.log, PROGRAMS, self.lost)  # type: ignore[arg-type]

    def install(self, remote: str) -> None:
        path = Path(self.home, "bin/qmail-remote")
        path.write_text(remote)
        path.chmod(0o755)

    def lost(self) -> None:
        self.losses += 1

    def deliver(self, order: RemoteOrder = ORDER, descriptor: int | None = None) -> Deferred[Outcome]:
        result: Deferred[Outcome] = Deferred()
        self.agent.transact(order, descriptor, lambda _, outcome: result.callback(outcome), lambda go: go())
        return result

    def pid(self) -> int:
        process = self.agent._process
        assert process is not None and process.transport is not None
        pid = process.transport.pid
        assert pid is not None
        return pid


async def until(condition: object) -> None:
    assert callable(condition)
    for _ in range(1000):
        if condition():
            return
        await deferLater(real_reactor, 0.01)  # type: ignore[arg-type]
    raise AssertionError("it never came")


@pytest_twisted.ensureDeferred
async def test_a_delivery_runs_qmail_remote_with_host_sender_recipient_and_message(open_directory: str) -> None:
    bench = Bench(open_directory, ECHO)
    bench.agent.start()
    assert await bench.deliver() == (
        Verdict.SUCCESS, b"[far.example][s@x][joe@far.example]Subject: t\n\nbody\n",
    )  # fmt: skip
    await bench.agent.stop()
    assert (bench.losses, bench.log) == (0, [])


@pytest_twisted.ensureDeferred
async def test_a_message_may_come_as_a_descriptor(open_directory: str) -> None:
    bench = Bench(open_directory, ECHO)
    bench.agent.start()
    results = []
    for number in range(5):
        descriptor = os.memfd_create("m")
        os.write(descriptor, b"message %d\n" % number)
        results.append(bench.deliver(ORDER._replace(message=None), descriptor))
        results.append(bench.deliver(ORDER._replace(message=b"inline %d\n" % number)))
    texts = [(await result).text.rpartition(b"]")[2] for result in results]
    assert texts == [b"%s %d\n" % (kind, n) for n in range(5) for kind in (b"message", b"inline")]
    await bench.agent.stop()


@pytest_twisted.ensureDeferred
async def test_a_large_message_travels_whole(open_directory: str) -> None:
    bench = Bench(open_directory, "#!/bin/sh\nn=`wc -c`\nprintf 'r\\0K%s\\0' $n\n")
    bench.agent.start()
    assert (await bench.deliver(ORDER._replace(message=b"x" * 5_000_000))).text == b"5000000"
    await bench.agent.stop()


@pytest.mark.parametrize(
    ("remote", "report"),
    [
        (None, (Verdict.DEFERRAL, b"Remote delivery is not available: this home has no bin/qmail-remote. (#4.3.5)\n")),
        ("#!/bin/sh\nkill -9 $$\n", CRASHED),
        ("#!/bin/sh\nprintf 'hno\\0Dgiving up\\0'\n", (Verdict.FAILURE, b"nogiving up")),
        ("#!/bin/sh\n(sleep 3 &)\nprintf 'r\\0Kok\\0'\n", (Verdict.SUCCESS, b"ok")),
        ("#!/bin/sh\nprintf 'r\\0K'; head -c 3000000 /dev/zero | tr '\\0' x\n", None),
    ],
)  # fmt: skip
@pytest_twisted.ensureDeferred
async def test_every_end_of_qmail_remote_is_reported(
    open_directory: str, remote: str | None, report: Outcome | None
) -> None:
    bench = Bench(open_directory, remote)
    if remote is None:
        os.unlink(f"{open_directory}/bin/qmail-remote")
    bench.agent.start()
    outcome = await bench.deliver()
    if report is None:
        assert outcome.verdict is Verdict.SUCCESS and 1_000_000 < len(outcome.text) < 1_100_000
    else:
        assert outcome == report
    await bench.agent.stop()


@pytest_twisted.ensureDeferred
async def test_a_killed_agent_defers_its_deliveries_and_comes_back(open_directory: str) -> None:
    bench = Bench(open_directory, "#!/bin/sh\nsleep 5\n")
    bench.agent._delay_s = 0.05
    bench.agent.start()
    result = bench.deliver()
    children = Path(f"/proc/{bench.pid()}/task/{bench.pid()}/children")
    await until(children.read_bytes)
    os.kill(bench.pid(), signal.SIGKILL)
    assert await result == CRASHED
    await until(lambda: bench.losses == 1)
    assert bench.log[-1].startswith(b"alert: oh no! lost qmail-rspawn")
    assert await bench.deliver() == ABSENT
    bench.install(ECHO)
    await until(lambda: bench.agent._process is not None)
    assert (await bench.deliver()).verdict is Verdict.SUCCESS
    await bench.agent.stop()
    assert bench.losses == 1


@pytest_twisted.ensureDeferred
async def test_stopping_waits_for_the_deliveries_begun(open_directory: str) -> None:
    bench = Bench(open_directory, "#!/bin/sh\nsleep 0.3\nprintf 'r\\0Kslow\\0'\n")
    bench.agent.start()
    result = bench.deliver()
    stopped = bench.agent.stop()
    assert await bench.deliver() == ABSENT
    await stopped
    assert result.called and await result == (Verdict.SUCCESS, b"slow")
    assert bench.losses == 0


@pytest_twisted.ensureDeferred
async def test_the_agent_is_named_qmail_rspawn_and_is_not_root(open_directory: str) -> None:
    bench = Bench(open_directory, "#!/bin/sh\nprintf 'r\\0K%s\\0' `id -u`\n")
    bench.agent.start()
    uid = int((await bench.deliver()).text)
    assert uid != 0
    assert Path(f"/proc/{bench.pid()}/comm").read_text() == "qmail-rspawn\n"
    await bench.agent.stop()
