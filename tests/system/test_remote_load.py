"""Under load: a tarpit or a black hole holds up nobody else, and the death of an agent loses nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from qmtwist.store.queue.layout import Layout
from qmtwist.store.queue.records import encode_info, encode_recipients
from tests.support.daemon import running
from tests.support.network import BlackHole
from tests.support.peers import DEFAULT, Conversation, Over, Peer, after, stall
from tests.support.privately import MAIL_UIDS
from tests.support.processes import is_running
from tests.support.remote import RELAY_FOR_US, Station, station, wait_until
from tests.support.town import Town, town

pytestmark = pytest.mark.system

JOE = "joe@test.example"


def fill_queue(made: Town, count: int, domain: str) -> None:
    """So many messages for different users, all due, as a stopped server leaves them; `%d` gives each a domain."""
    layout = Layout(f"{made.path}/queue")
    owners = {kind: os.stat(f"{layout.queue}/{kind}/0") for kind in ("mess", "remote", "info")}
    for number in range(10_000_000_000, 10_000_000_000 + count):
        for kind, path, data in (
            ("mess", layout.mess(number), b"x\n"),
            (
                "remote",
                layout.channel("remote", number),
                encode_recipients([(False, b"x%d@%b" % (number, domain.replace("%d", str(number)).encode()))]),
            ),
            ("info", layout.info(number), encode_info(b"s@far.example")),
        ):
            with open(path, "wb") as stream:
                stream.write(data)
                os.fchown(stream.fileno(), owners[kind].st_uid, owners[kind].st_gid)


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
            office.send_many((JOE, name, b"Subject: x\n\n") for name in names)
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
        office.send_many((JOE, f"x@h{number}.hole.example", b"Subject: x\n\n") for number in range(60))
        office.wait_for(lambda line: line.startswith("status: ") and line.endswith(" remote 20/20"))
        names = [f"g@good{number}.example" for number in range(40)]
        office.send_many((JOE, name, b"Subject: x\n\n") for name in names)
        wait_until(lambda: len(good.messages) >= 40, lambda: "\n".join(office.log[-20:]), 20)
        assert not [line for line in office.log if "remote 21/20" in line]


def test_a_smarthost_sees_no_more_connections_than_there_are_slots_and_a_few() -> None:
    """600 messages for as many domains, all by one relay, which turns away the 41st connection as Postfix would."""

    def greet(conversation: Conversation) -> None:
        if relay.current > 40:
            conversation.say(b"421 too many connections\r\n")
            raise Over
        conversation.say(b"220 relay.example ESMTP\r\n")

    with Peer(delay_s=0.005, greeting=greet) as relay:
        routes = f":{relay.route}\n"
        with killed_at_the_end(lambda made: fill_queue(made, 600, "d%d.example"), smtproutes=routes) as office:
            wait_until(lambda: len(relay.messages) == 600, lambda: "\n".join(office.log[-20:]))
            assert relay.most <= 40
            assert not [line for line in office.log if ": deferral: " in line]


def test_a_relay_that_does_not_answer_defers_all_that_waits_for_it() -> None:
    """Those who wait for a connection need not find out one after the other."""
    with BlackHole("127.0.0.1") as hole:
        routes = f":127.0.0.1:{hole.port}\n"
        with killed_at_the_end(lambda made: None, smtproutes=routes, timeoutconnect="2\n") as office:
            office.send_many((JOE, f"x@d{number}.example", b"x\n") for number in range(100))
            wait_until(lambda: told(office) == 100, lambda: "\n".join(office.log[-20:]), 20)
            assert sum(": deferral: Sorry,_I_wasn't_able" in line for line in office.log) == 100


@pytest.mark.parametrize("kills", [10, pytest.param(30, marks=pytest.mark.long)])
def test_killed_agents_lose_nothing(kills: int) -> None:
    """Several agents under load; each time the one that lives longest dies."""
    with (
        Peer(delay_s=0.02) as peer,
        station(
            "joe", smtproutes=f":{peer.route}\n", remoteagents=f"{kills // 3}\n", concurrencyremote="30\n"
        ) as office,
    ):
        sent: list[str] = []

        def tail() -> str:
            return "\n".join(office.log[-20:])

        def send_more() -> None:
            names = [f"m{len(sent) + number}@d{number}.example" for number in range(20)]
            office.send_many((JOE, name, name.encode() + b"\n") for name in names)
            sent.extend(names)

        def progress(before: int) -> bool:
            if len(peer.messages) > before and office.remote_agents():
                return True
            office.alarm()
            time.sleep(0.05)
            return False

        for _ in range(kills):
            before = len(peer.messages)
            send_more()
            wait_until(partial(progress, before), tail)
            victim = min(office.remote_agents())
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda victim=victim: not is_running(victim), tail)
            if office.town.is_real:
                owners = {os.stat(f"/proc/{pid}").st_uid for pid in office.remote_agents() if is_running(pid)}
                assert owners <= {MAIL_UIDS["qmailr"][0], 0}, owners  # root while it becomes qmailr

        def is_drained() -> bool:
            office.alarm()
            time.sleep(0.3)
            return not office.queued()

        wait_until(is_drained, tail, 60)
        office.wait_for_rest()
        assert set(peer.recipients()) == {name.encode() for name in sent}
        outcomes = Counter[str]()
        for name in sent:
            attempts = [outcome.partition(":")[0] for outcome, _, _ in office.attempts(name)]
            assert attempts[-1] == "success" and set(attempts[:-1]) <= {"deferral"}, name
            outcomes.update(attempts)
        # What was delivered twice had been deferred in between.
        assert len(peer.messages) - len(sent) <= outcomes["deferral"]
        assert sum("lost qmail-rspawn" in line for line in office.log) == kills
        assert not [line for line in office.log if "Traceback" in line or "Unhandled" in line]


@pytest.mark.parametrize("extensions", [DEFAULT, ("SIZE",)], ids=["pipelining", "lockstep"])
def test_each_of_five_hundred_recipients_gets_his_own_answer(extensions: tuple[str, ...]) -> None:
    """One message; the peer refuses every fifth for good and every seventh for now, in transactions of 50."""
    with Peer(extensions=extensions) as peer, station("joe", smtproutes=f":{peer.route}\n") as office:
        names = [f"r{number}@many.example" for number in range(500)]
        wanted = {}
        for number, name in enumerate(names):
            wanted[name] = "failure" if number % 5 == 0 else "deferral" if number % 7 == 0 else "success"
            if wanted[name] != "success":
                peer.verdicts[name.encode()] = b"%d no %d\r\n" % (550 if wanted[name] == "failure" else 450, number)
        office.send(*names, sender=JOE)
        wait_until(lambda: told(office) == 500, lambda: "\n".join(office.log[-20:]))
        for number, name in enumerate(names):
            ((outcome, _, _),) = office.attempts(name)
            assert outcome.startswith(f"{wanted[name]}: "), name
            assert wanted[name] == "success" or f"_no_{number}/" in outcome
        taken = [name for name in names if wanted[name] == "success"]
        assert sorted(peer.recipients()) == sorted(name.encode() for name in taken)
        assert len(peer.messages) == 10
        peer.verdicts.clear()
        office.alarm()
        (bounce,) = office.wait_for_messages("joe", 1)
        assert bounce.count(b"\n127.0.0.1 does not like recipient.\n") == 100
        later = [name.encode() for name in names if wanted[name] == "deferral"]
        assert sorted(peer.recipients()) == sorted([*(name.encode() for name in taken), *later])


def told(office: Station) -> int:
    """How many deliveries have been reported."""
    return sum(line.startswith("delivery ") for line in list(office.log))


def test_the_number_of_slots_can_be_changed_meanwhile() -> None:
    """concurrencyremote 0 holds all mail for others; after HUP so much goes out at once as the file says."""
    with Peer(delay_s=0.03) as peer, station("joe", smtproutes=f":{peer.route}\n", concurrencyremote="0\n") as office:
        office.send_many((JOE, f"x@d{number}.example", b"x\n") for number in range(40))
        office.send(JOE)
        office.wait_for_messages("joe", 1)
        assert not peer.connections
        since = office.mark()
        office.control(concurrencyremote="3\n")
        wait_until(lambda: len(peer.messages) >= 15, lambda: "\n".join(office.log[-20:]))
        assert peer.most <= 3 + 5  # those that wait for a slot are connected already
        office.control(concurrencyremote="20\n")
        wait_until(lambda: len(peer.messages) == 40, lambda: "\n".join(office.log[-20:]))
        office.wait_for_rest()
        lines = [line for line in office.log[since:] if line.startswith("status: ")]
        assert not [line for line in lines if line.endswith("/3") and int(line.split()[-1].split("/")[0]) > 3]


def test_a_stop_waits_for_nobody_and_what_was_under_way_is_tried_by_the_successor() -> None:
    """TERM while 20 deliveries hang: it ends within its time, in order, and nothing is lost or delivered twice."""
    with Peer(greeting=stall) as slow, Peer(dot=after(1.0, b"250 ok\r\n")) as late, town("joe") as made:
        made.write("control/tcprules", RELAY_FOR_US)
        made.write("control/smtproutes", f".slow.example:{slow.route}\n:{late.route}\n")
        made.write("control/timeoutremote", "600\n")
        office = Station(made)
        with running(office):
            office.send_many((JOE, f"x@d{number}.slow.example", b"x\n") for number in range(15))
            office.send("x@late.example", sender=JOE)
            wait_until(lambda: slow.current == 15 and late.messages, lambda: "\n".join(office.log[-20:]))
            started = time.monotonic()
            office.stop()
            assert time.monotonic() - started < 18
            assert office.log[-1] == "status: exiting"
        slow.acts.clear()
        with running(office):
            office.alarm()
            wait_until(lambda: office.queued() == 0)
        assert sorted(slow.recipients()) == sorted(b"x@d%d.slow.example" % number for number in range(15))
        assert late.recipients() == [b"x@late.example"]


def test_a_killed_server_loses_nothing_that_was_to_go_out() -> None:
    """kill -9 of all of it under load, three times: every message arrives, some of them twice."""
    with Peer(delay_s=0.01) as peer, town("joe") as made:
        made.write("control/tcprules", RELAY_FOR_US)
        made.write("control/smtproutes", f":{peer.route}\n")
        office = Station(made)
        sent: list[str] = []
        for _ in range(3):
            office.start()
            names = [f"m{len(sent) + number}@d{number % 7}.example" for number in range(60)]
            before = len(peer.messages)
            office.send_many((JOE, name, b"x\n") for name in names)
            sent += names
            wait_until(lambda before=before: len(peer.messages) >= before + 10, lambda: "\n".join(office.log[-20:]))
            office.kill()
        with running(office):
            office.alarm()
            # a kill may leave a mess file whose message has ended; it is garbage for a day and a half
            wait_until(lambda: not made.run("qmail-qread"), lambda: "\n".join(office.log[-20:]))
        assert set(peer.recipients()) == {name.encode() for name in sent}
        assert len(peer.messages) < 2 * len(sent)
