"""services/dns/resolver.py and agents/dns.py: one contract for both resolvers, and the blocking one by itself."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted

from qmtwist.agents import dns as blocking
from qmtwist.control.nameservers import name_service
from qmtwist.mail.dns import Answer, Kind, Question, Status
from qmtwist.mail.errors import Permanent
from qmtwist.rules.mx import Target, targets
from qmtwist.rules.smarthost import Hop
from qmtwist.services.dns import resolver as service
from qmtwist.services.dns.resolver import Resolver
from qmtwist.wire.nameserver import NameService
from tests.support.resolvers import MX, MX_RECORDS, ZONE, pause, resolv_conf
from tests.support.zone import Fault, Zone

MANY = [f"10.0.{number // 250}.{number % 250}" for number in range(1000)]
LONG = "".join(f"many.example. 300 A {address}\n" for address in MANY)
program_service = name_service  # of those without a reactor
Ask = Callable[..., Awaitable[tuple[Answer, ...]]]


@pytest.fixture(params=["reactor", "blocking"])
def contract(request: pytest.FixtureRequest, make: Callable[..., Resolver]) -> Callable[[str], Ask]:
    """Makes the `ask` of one kind of resolver, given a resolv.conf."""

    def on_reactor(path: str) -> Ask:
        return make(path).ask

    def without(path: str) -> Ask:
        resolver = blocking.Resolver(program_service((), path))

        async def ask(*questions: Question) -> tuple[Answer, ...]:
            return resolver.ask(*questions)

        return ask

    return on_reactor if request.param == "reactor" else without


Contract = Callable[[str], Ask]


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolvers that lose their patience after a quarter of a second, and ask again."""

    def hasty_service(lines: Iterable[bytes], path: str) -> NameService:
        return name_service(lines, path)._replace(timeout_s=0.25, attempts=2)

    monkeypatch.setattr(service, "name_service", hasty_service)
    monkeypatch.setattr(sys.modules[__name__], "program_service", hasty_service)


# -- both


@pytest_twisted.ensureDeferred
async def test_questions_are_answered_in_their_order(contract: Contract, zone: Zone, tmp_path: Path) -> None:
    ask = contract(resolv_conf(tmp_path, zone.nameserver))
    mx, a, aaaa, text, ptr, absent, empty, alias, again = await ask(
        MX,
        Question(b"MX.far.example.", Kind.A),
        Question(b"mx.far.example", Kind.AAAA),
        Question(b"text.example", Kind.TXT),
        Question(b"1.2.0.192.in-addr.arpa", Kind.PTR),
        Question(b"gone.example", Kind.A),
        Question(b"text.example", Kind.A),
        Question(b"alias.example", Kind.MX),
        Question(b"FAR.example.", Kind.MX),
    )
    assert set(mx.records) == set(alias.records) == set(again.records) == MX_RECORDS
    assert (a.records, aaaa.records) == (("192.0.2.1",), ("2001:db8::1",))
    assert (text.records, ptr.records) == ((b"a bc",), (b"mx.far.example",))
    assert (absent.status, empty.status) == (Status.ABSENT, Status.EMPTY)
    assert zone.asked("far.example", "MX") == 1


@pytest_twisted.ensureDeferred
async def test_a_thousand_records_come_by_tcp(contract: Contract, zone: Zone, tmp_path: Path) -> None:
    ask = contract(resolv_conf(tmp_path, zone.nameserver))
    zone.load(LONG)
    (answer,) = await ask(Question(b"many.example", Kind.A))
    assert sorted(answer.records) == sorted(MANY)
    assert [how for _, _, how in zone.queries] == ["udp", "tcp"]


@pytest_twisted.ensureDeferred
async def test_servers_may_have_ipv6_addresses(contract: Contract, tmp_path: Path) -> None:
    with Zone(ZONE + LONG, address="::1") as zone:
        ask = contract(resolv_conf(tmp_path, f"[::1]:{zone.port}"))
        mx, many = await ask(MX, Question(b"many.example", Kind.A))
        await pause()
    assert (set(mx.records), len(many.records)) == (MX_RECORDS, 1000)


PASSED_OVER = [Fault.SERVFAIL, Fault.REFUSED, Fault.LAME, Fault.TCP_DEAD]
WAITED_FOR = [Fault.SILENT, Fault.WRONG_NUMBER, Fault.WRONG_QUESTION, Fault.GARBAGE]


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("fault", PASSED_OVER + WAITED_FOR)
@pytest_twisted.ensureDeferred
async def test_another_server_helps(contract: Contract, zone: Zone, other: Zone, tmp_path: Path, fault: Fault) -> None:
    zone.faults[""] = fault
    ask = contract(resolv_conf(tmp_path, zone.nameserver, other.nameserver))
    (answer,) = await ask(MX)
    assert set(answer.records) == MX_RECORDS
    assert zone.asked("far.example") >= 1


@pytest_twisted.ensureDeferred
async def test_a_host_without_a_server_is_passed_over_at_once(contract: Contract, zone: Zone, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    ask = contract(resolv_conf(tmp_path, f"127.0.0.1:{port}", zone.nameserver, options="timeout:9"))
    start = time.monotonic()
    (answer,) = await ask(MX)
    assert set(answer.records) == MX_RECORDS
    assert time.monotonic() - start < 8


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("fault", [*PASSED_OVER, Fault.SILENT, Fault.WRONG_QUESTION])
@pytest_twisted.ensureDeferred
async def test_where_no_server_helps_there_is_trouble(
    contract: Contract, zone: Zone, tmp_path: Path, fault: Fault
) -> None:
    zone.faults["far.example"] = fault
    ask = contract(resolv_conf(tmp_path, zone.nameserver))
    trouble, fine = await ask(MX, Question(b"mx.far.example", Kind.A))
    assert (trouble.status, fine.status) == (Status.TROUBLE, Status.FOUND)


@pytest.mark.parametrize("fault", [Fault.TRUNCATE, Fault.LIES_FIRST, Fault.NO_EDNS])
@pytest_twisted.ensureDeferred
async def test_odd_servers_are_put_up_with(contract: Contract, zone: Zone, tmp_path: Path, fault: Fault) -> None:
    zone.faults[""] = fault
    ask = contract(resolv_conf(tmp_path, zone.nameserver))
    (answer,) = await ask(MX)
    assert set(answer.records) == MX_RECORDS


@pytest_twisted.ensureDeferred
async def test_a_loop_ends(contract: Contract, zone: Zone, tmp_path: Path) -> None:
    ask = contract(resolv_conf(tmp_path, zone.nameserver))
    (answer,) = await ask(Question(b"loop.example", Kind.A))
    assert answer.status is Status.TROUBLE


@pytest_twisted.ensureDeferred
async def test_an_unreachable_server_is_trouble_at_once(contract: Contract, tmp_path: Path) -> None:
    ask = contract(resolv_conf(tmp_path, "fe80::1"))  # without its interface the kernel has no way to it
    start = time.monotonic()
    answers = await ask(*(Question(b"n%d.example" % number, Kind.A) for number in range(2000)))
    assert {answer.status for answer in answers} == {Status.TROUBLE}
    assert time.monotonic() - start < 5


@pytest_twisted.ensureDeferred
async def test_many_questions_are_answered_together(contract: Contract, zone: Zone, tmp_path: Path) -> None:
    ask = contract(resolv_conf(tmp_path, zone.nameserver, options="timeout:5"))
    answers = await ask(*(Question(b"n%d.example" % number, Kind.A) for number in range(600)))
    assert {answer.status for answer in answers} == {Status.ABSENT}


@pytest_twisted.ensureDeferred
async def test_no_question_has_no_answer(contract: Contract, zone: Zone, tmp_path: Path) -> None:
    assert await contract(resolv_conf(tmp_path, zone.nameserver))() == ()


FAR = [
    Target("192.0.2.1", 25, "smtp", b"mx.far.example", 10),
    Target("2001:db8::1", 25, "smtp", b"mx.far.example", 10),
    Target("192.0.2.2", 25, "smtp", b"backup.far.example", 20),
]


def asking(host: bytes) -> Any:
    return targets(Hop("smtp", host, 25, False), lambda address: False, ("ipv4", "ipv6"), lambda sequence: None)


def test_rules_get_their_answers(zone: Zone, tmp_path: Path) -> None:
    resolver = blocking.Resolver(program_service((), resolv_conf(tmp_path, zone.nameserver)))
    assert resolver.pump(asking(b"far.example")) == FAR
    with pytest.raises(Permanent):
        resolver.pump(asking(b"gone.example"))


# -- the blocking one


def test_each_blocking_query_has_a_port_of_its_own(zone: Zone, tmp_path: Path) -> None:
    resolver = blocking.Resolver(program_service((), resolv_conf(tmp_path, zone.nameserver)))
    resolver.ask(MX)
    before = len(os.listdir("/proc/self/fd"))
    resolver.ask(*(Question(b"n%d.example" % number, Kind.A) for number in range(100)))
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.usefixtures("hasty")
def test_a_signal_does_not_disturb_a_blocking_lookup(zone: Zone, tmp_path: Path) -> None:
    zone.faults[""] = Fault.SILENT
    resolver = blocking.Resolver(program_service((), resolv_conf(tmp_path, zone.nameserver)))
    heard: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: heard.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        (answer,) = resolver.ask(MX)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert (answer.status, heard) == (Status.TROUBLE, [signal.SIGALRM])


@pytest_twisted.ensureDeferred
async def test_a_server_may_talk_by_tcp_one_byte_at_a_time(
    contract: Contract, zone: Zone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(connection: socket.socket) -> None:
        with connection:
            query = connection.recv(1000)
            (answer,) = zone.answers(query[2:], is_udp=False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in len(answer).to_bytes(2, "big") + answer:
                connection.send(bytes([byte]))

    zone.faults[""] = Fault.TRUNCATE
    monkeypatch.setattr(zone, "_serve_connection", slowly)
    (answer,) = await contract(resolv_conf(tmp_path, zone.nameserver))(MX)
    assert set(answer.records) == MX_RECORDS
