"""services/dns/resolver.py: the resolver on the reactor by itself."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.defer import gatherResults

from qmtwist.mail.dns import Kind, Question, Status
from qmtwist.services.dns import resolver as service
from qmtwist.services.dns import turns as dnsturns
from qmtwist.services.dns.ports import PORTS, QUERIES
from qmtwist.services.dns.resolver import Resolver
from tests.support.resolvers import MX, MX_RECORDS, resolv_conf
from tests.support.zone import Fault, Zone


@pytest_twisted.ensureDeferred
async def test_the_same_question_is_asked_once(make: Callable[..., Resolver], zone: Zone, tmp_path: Path) -> None:
    resolver = make(resolv_conf(tmp_path, zone.nameserver))
    waiting = [resolver.ask(MX), resolver.ask(MX._replace(name=b"FAR.example.")), resolver.ask(MX, MX)]
    answers = await gatherResults(waiting)
    assert {answer for several in answers for answer in several} == {answers[0][0]}
    assert resolver.ask(MX).called  # from the cache, at once
    assert zone.asked("far.example") == 1


@pytest_twisted.ensureDeferred
async def test_what_is_not_there_is_remembered_too_and_ttl_0_is_not(
    make: Callable[..., Resolver], zone: Zone, tmp_path: Path
) -> None:
    resolver = make(resolv_conf(tmp_path, zone.nameserver))
    for _ in range(3):
        await resolver.ask(Question(b"gone.example", Kind.A), Question(b"brief.example", Kind.A))
    assert (zone.asked("gone.example"), zone.asked("brief.example")) == (1, 3)


@pytest_twisted.ensureDeferred
async def test_who_stops_waiting_does_not_stop_the_others(
    make: Callable[..., Resolver], zone: Zone, tmp_path: Path
) -> None:
    resolver = make(resolv_conf(tmp_path, zone.nameserver))
    impatient, patient = resolver.ask(MX), resolver.ask(MX)
    impatient.addErrback(lambda failure: None)
    impatient.cancel()
    (answer,) = await patient
    assert set(answer.records) == MX_RECORDS


@pytest_twisted.ensureDeferred
async def test_other_servers_are_asked_from_now_on(
    make: Callable[..., Resolver], zone: Zone, other: Zone, tmp_path: Path
) -> None:
    resolver = make(resolv_conf(tmp_path, "192.0.2.255"), (zone.nameserver.encode(),))
    await resolver.ask(MX)
    resolver.use([zone.nameserver.encode()])
    await resolver.ask(MX)
    assert zone.asked("far.example") == 1  # the same servers: what was learned still counts
    resolver.use([other.nameserver.encode()])
    await resolver.ask(MX)
    assert (zone.asked("far.example"), other.asked("far.example")) == (1, 1)


@pytest_twisted.ensureDeferred
async def test_a_change_of_resolv_conf_is_noticed(
    make: Callable[..., Resolver], zone: Zone, other: Zone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = make(resolv_conf(tmp_path, zone.nameserver))
    await resolver.ask(MX)
    resolv_conf(tmp_path, other.nameserver, options="timeout:2")
    await resolver.ask(MX)
    assert other.asked("far.example") == 0  # one look in half a minute is enough
    monkeypatch.setattr(service, "LOOK_AGAIN_S", 0.0)
    await resolver.ask(MX)
    assert other.asked("far.example") == 1


@pytest_twisted.ensureDeferred
async def test_the_end_leaves_nobody_waiting(make: Callable[..., Resolver], zone: Zone, tmp_path: Path) -> None:
    zone.faults[""] = Fault.SILENT
    resolver = make(resolv_conf(tmp_path, zone.nameserver))
    waiting = [resolver.ask(Question(b"n%d.example" % number, Kind.A), MX) for number in range(dnsturns.ALL + 50)]
    resolver.stop()
    answers = [answer for several in await gatherResults(waiting) for answer in several]
    assert {answer.status for answer in answers} == {Status.TROUBLE}
    (late,) = await resolver.ask(MX)
    assert late.status is Status.TROUBLE


@pytest_twisted.ensureDeferred
async def test_dead_domains_do_not_hold_up_the_others(
    make: Callable[..., Resolver], zone: Zone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dnsturns, "FRESH_S", 0.1)
    dead = [Question(b"n%d.example" % number, Kind.A) for number in range(2 * dnsturns.FRESH)]
    zone.faults = {question.name.decode(): Fault.SILENT for question in dead}
    resolver = make(resolv_conf(tmp_path, zone.nameserver, options="timeout:30"))
    waiting = [resolver.ask(question) for question in dead]
    (answer,) = await resolver.ask(MX)
    assert set(answer.records) == MX_RECORDS
    assert not any(one.called for one in waiting)


@pytest_twisted.ensureDeferred
async def test_queries_leave_from_changing_ports(
    make: Callable[..., Resolver], zone: Zone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports: list[int] = []
    numbers: list[int] = []
    monkeypatch.setattr(zone, "_serve_datagram", lambda: note(*zone._udp.recvfrom(65535)))

    def note(data: bytes, client: tuple[str, int]) -> None:
        ports.append(client[1])
        numbers.append(int.from_bytes(data[:2], "big"))
        (answer,) = zone.answers(data, is_udp=True)
        zone._udp.sendto(answer, client)

    resolver = make(resolv_conf(tmp_path, zone.nameserver, options="timeout:5"))
    count = PORTS * QUERIES * 2
    for start in range(0, count, 400):
        await resolver.ask(*(Question(b"n%d.example" % number, Kind.A) for number in range(start, start + 400)))
    assert len(set(ports)) >= 2 * PORTS
    assert max(ports.count(port) for port in set(ports)) <= QUERIES
    assert len(set(numbers)) > count * 0.95


@pytest_twisted.ensureDeferred
async def test_a_flood_of_lies_does_not_hide_the_truth(
    make: Callable[..., Resolver], zone: Zone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = zone.answers

    def answers(data: bytes, is_udp: bool) -> list[bytes]:
        lies = [bytes([data[0], data[1] ^ change]) + os.urandom(30) for change in range(1, 100)]
        return [*lies, b"", b"\0", *truth(data, is_udp)]

    monkeypatch.setattr(zone, "answers", answers)
    resolver = make(resolv_conf(tmp_path, zone.nameserver))
    (answer,) = await resolver.ask(MX)
    assert set(answer.records) == MX_RECORDS
