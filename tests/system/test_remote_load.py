"""Under load: a tarpit or a black hole holds up nobody else, and the death of an agent loses nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.support.daemon import TOP, environment
from tests.support.network import BlackHole
from tests.support.peers import Peer, stall
from tests.support.processes import is_running
from tests.support.remote import RELAY_FOR_US, Station, station, wait_until
from tests.support.town import Town, town

pytestmark = pytest.mark.system

AT_REST = """
import sys
from qmtwist.store.queue.layout import Layout
from qmtwist.store.queue.rest import Resting, put_to_rest
layout, now, count, domain = Layout(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4].encode()
put_to_rest(layout, [
    Resting(number, now, b"s@far.example", b"x\\n", [], [(False, b"x%d@%b" % (number, domain))], 0, now, b"")
    for number in range(10_000_000_000, 10_000_000_000 + count)
])
"""


def fill_queue(made: Town, count: int, domain: str) -> None:
    """So many messages for different users at a domain, all due."""
    words = [sys.executable, "-c", AT_REST, f"{made.path}/queue", str(int(time.time())), str(count), domain]
    subprocess.run(words, check=True, env=environment(), cwd=TOP)
    if os.geteuid() == 0:
        for kind in ("mess", "info", "remote"):
            owner = os.stat(f"{made.path}/queue/{kind}/0")
            for directory, _, names in os.walk(f"{made.path}/queue/{kind}"):
                for name in names:
                    os.chown(f"{directory}/{name}", owner.st_uid, owner.st_gid)


@contextlib.contextmanager
def killed_at_the_end(prepare: Callable[[Town], None], **control: str) -> Iterator[Station]:
    """A daemon that need not end in order: its peers would keep it for seconds."""
    with town("joe", prepare=prepare) as made:
        for name, text in {"tcprules": RELAY_FOR_US, **control}.items():
            made.write(f"control/{name}", text)
        office = Station(made)
        office.start()
        try:
            yield office
        finally:
            office.kill()


def test_ten_thousand_messages_for_a_tarpit_leave_the_rest_flowing() -> None:
    with Peer(greeting=stall) as tarpit, Peer() as good:
        routes = f"tarpit.example:{tarpit.route}\n:{good.route}\n"

        def prepare(made: Town) -> None:
            fill_queue(made, 10_000, "tarpit.example")

        with killed_at_the_end(prepare, smtproutes=routes, timeoutremote="600\n") as office:
            wait_until(lambda: tarpit.current >= 2, lambda: "\n".join(office.log[-20:]))
            started = time.monotonic()
            names = [f"g{number}@good{number % 10}.example" for number in range(200)]
            office.send_many(("joe@test.example", name, b"Subject: x\n\n") for name in names)
            wait_until(lambda: len(good.messages) >= 200, lambda: "\n".join(office.log[-20:]))
            took = time.monotonic() - started
            assert sorted(good.recipients()) == sorted(name.encode() for name in names)
            assert 2 <= tarpit.current <= tarpit.most < 20
            assert took < 20
            office.send("joe@test.example")
            office.wait_for_messages("joe", 1)


def test_black_holes_hold_no_slots() -> None:
    """60 destinations that never answer, 20 slots, a minute to connect: the good ones are served at once."""
    with contextlib.ExitStack() as stack:
        good = stack.enter_context(Peer())
        hole = stack.enter_context(BlackHole("127.0.0.1"))
        routes = f".hole.example:127.0.0.1:{hole.port}\n:{good.route}\n"
        office = stack.enter_context(
            killed_at_the_end(lambda made: None, smtproutes=routes, timeoutconnect="60\n", timeoutremote="60\n")
        )
        office.send_many(("joe@test.example", f"x@h{number}.hole.example", b"Subject: x\n\n") for number in range(60))
        office.wait_for(lambda line: line.startswith("status: ") and line.endswith(" remote 20/20"))
        names = [f"g@good{number}.example" for number in range(40)]
        office.send_many(("joe@test.example", name, b"Subject: x\n\n") for name in names)
        wait_until(lambda: len(good.messages) >= 40, lambda: "\n".join(office.log[-20:]), 20)
        assert not [line for line in office.log if "remote 21/20" in line]


def test_thirty_killed_agents_lose_nothing() -> None:
    agents, rounds, batch = 10, 3, 20
    with (
        Peer(delay_s=0.02) as peer,
        station("joe", smtproutes=f":{peer.route}\n", remoteagents=f"{agents}\n", concurrencyremote="30\n") as office,
    ):
        sent: list[str] = []

        def send_more() -> None:
            names = [f"m{len(sent) + number}@d{number}.example" for number in range(batch)]
            office.send_many(("joe@test.example", name, name.encode() + b"\n") for name in names)
            sent.extend(names)

        kills = 0
        for _ in range(rounds):
            wait_until(lambda: len(office.remote_agents()) == agents, lambda: "\n".join(office.log[-20:]))
            for pid in office.remote_agents():
                send_more()
                before = len(peer.messages)
                wait_until(lambda before=before: len(peer.messages) > before, lambda: "\n".join(office.log[-20:]))
                os.kill(pid, signal.SIGKILL)
                kills += 1
                wait_until(lambda pid=pid: not is_running(pid))
            office.alarm()
        assert kills == 30
        deadline = time.monotonic() + 60
        while office.queued():
            assert time.monotonic() < deadline, "\n".join(office.log[-20:])
            office.alarm()
            time.sleep(0.5)
        office.wait_for_rest()
        assert set(peer.recipients()) == {name.encode() for name in sent}
        outcomes = Counter()
        for name in sent:
            attempts = [outcome.partition(":")[0] for outcome, _, _ in office.attempts(name)]
            assert attempts[-1] == "success" and set(attempts[:-1]) <= {"deferral"}, name
            outcomes.update(attempts)
        # What has been delivered twice had been deferred in between.
        assert len(peer.messages) - len(sent) <= outcomes["deferral"]
        assert sum("lost qmail-rspawn" in line for line in office.log) == 30
        assert not [line for line in office.log if "Traceback" in line or "Unhandled" in line]
