"""The injection socket: fake intake, real sessions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from qmtwist.mail.errors import MailError, Permanent, Temporary
from qmtwist.services.intake import injection as service
from qmtwist.services.intake.injection import (
    CLIENT_LIMIT,
    USER_LIMIT,
    InjectionProtocol,
    refusal,
)
from qmtwist.services.seams import Origin, Receipt
from qmtwist.wire import injection
from qmtwist.wire.envelope import encode_envelope
from qmtwist.wire.netstring import netstring
from tests.support.injection_bench import ENVELOPE, LISTED, Bench

SUBMISSION = injection.pieces(b"body\n") + injection.END_OF_MESSAGE + injection.pieces(encode_envelope(ENVELOPE))


@pytest.fixture
def make_bench() -> Iterator[Callable[[tuple[int, ...]], Bench]]:
    made: list[Bench] = []

    def make(believed: tuple[int, ...]) -> Bench:
        made.append(Bench(believed))
        return made[-1]

    yield make
    for bench in made:
        bench.close()


@pytest.fixture
def bench(make_bench: Callable[[tuple[int, ...]], Bench]) -> Bench:
    return make_bench(())


def lose(protocol: InjectionProtocol) -> None:
    protocol.connectionLost(Failure(ConnectionDone()))


def test_a_submission_is_answered_when_it_is_durable_and_not_before(bench: Bench) -> None:
    protocol, transport = bench.connect()
    protocol.dataReceived(injection.hello(os.getuid(), 1))
    assert transport.value() == netstring(b"go")
    transport.clear()
    protocol.dataReceived(SUBMISSION)
    [draft] = bench.intake.drafts
    assert (draft.data, draft.envelope, transport.value()) == (b"body\n", ENVELOPE, b"")
    assert draft.done is not None
    draft.done(Receipt(4711))
    assert transport.value() == netstring(b"0 4711") and transport.disconnecting
    lose(protocol)
    assert not draft.is_abandoned and bench.clock.getDelayedCalls() == []


def test_the_envelopes_of_one_user_take_so_much_memory(
    make_bench: Callable[[tuple[int, ...]], Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "ENVELOPES_LIMIT_BYTES", 30_000)
    bench = make_bench((os.getuid(),))
    unfinished = injection.END_OF_MESSAGE + injection.pieces(b"Fs\0" + b"Ta\0" * 200)
    clients = [bench.connect() for _ in range(4)]
    for uid, (protocol, _) in zip((1001, 1002, 1001), clients, strict=False):
        protocol.dataReceived(injection.hello(uid, 1) + unfinished)
    assert [transport.disconnecting for _, transport in clients] == [False, False, True, False]
    assert clients[2][1].value() == netstring(b"go") + netstring(b"51 too many large envelopes of uid 1001")
    lose(clients[0][0])
    lose(clients[2][0])
    clients[3][0].dataReceived(injection.hello(1001, 1) + unfinished)
    assert not clients[3][1].disconnecting


def test_a_stranger_queues_for_himself_whatever_he_says(make_bench: Callable[[tuple[int, ...]], Bench]) -> None:
    bench = make_bench((os.getuid() + 1,))
    protocol, _ = bench.connect()
    protocol.dataReceived(injection.hello(os.getuid() + 5, 1))
    assert [origin.uid for origin in bench.intake.origins] == [os.getuid()]
    lose(protocol)


def test_a_believed_program_queues_for_its_caller(make_bench: Callable[[tuple[int, ...]], Bench]) -> None:
    bench = make_bench((os.getuid(),))
    protocol, _ = bench.connect()
    protocol.dataReceived(injection.hello(54321, 1))
    assert bench.intake.origins == [Origin(b"by uid 54321", 54321, qp=os.getpid())]
    lose(protocol)


@pytest.mark.parametrize("sent", [b"", injection.pieces(b"x"), SUBMISSION[:-3]])
def test_a_client_that_leaves_before_the_end_leaves_nothing(bench: Bench, sent: bytes) -> None:
    protocol, _ = bench.connect()
    protocol.dataReceived(injection.hello(0, 1) + sent)
    lose(protocol)
    assert bench.intake.drafts[0].is_abandoned and bench.intake.drafts[0].envelope is None


def test_a_client_that_leaves_after_the_envelope_changes_nothing(bench: Bench) -> None:
    protocol, transport = bench.connect()
    protocol.dataReceived(injection.hello(0, 1) + SUBMISSION)
    transport.clear()
    lose(protocol)
    [draft] = bench.intake.drafts
    assert not draft.is_abandoned and draft.done is not None
    draft.done(Receipt(1))
    assert transport.value() == b""


@pytest.mark.parametrize(
    ("trouble", "word"),
    [
        (Temporary("stopping", "4.3.2"), b"closing"),
        (Temporary("disk full", "4.3.1"), b"53 disk full"),
        (Temporary("not now", "4.3.0"), b"71 not now"),
        (Permanent("never", "5.3.0"), b"31 never"),
    ],
)
def test_a_refusal_comes_before_the_message(bench: Bench, trouble: MailError, word: bytes) -> None:
    bench.intake.trouble = trouble
    protocol, transport = bench.connect()
    protocol.dataReceived(injection.hello(0, 1))
    assert transport.value() == netstring(word) and transport.disconnecting
    lose(protocol)


def test_a_failed_commit_is_temporary(bench: Bench) -> None:
    protocol, transport = bench.connect()
    protocol.dataReceived(injection.hello(0, 1) + SUBMISSION)
    transport.clear()
    done = bench.intake.drafts[0].done
    assert done is not None
    done(Temporary("qq write error", "4.3.0"))
    assert transport.value() == netstring(b"71 qq write error")
    assert refusal(MailError("?")).code == 71
    lose(protocol)


def test_a_slow_disk_pauses_the_client(bench: Bench) -> None:
    bench.intake.is_slow = True
    protocol, transport = bench.connect()
    protocol.dataReceived(injection.hello(0, 1) + injection.pieces(b"x"))
    assert transport.producerState == "paused"
    bench.intake.on_drain()
    assert transport.producerState == "producing"
    lose(protocol)
    bench.intake.on_drain()


def test_a_bad_envelope_is_answered_and_forgotten(bench: Bench) -> None:
    protocol, transport = bench.connect()
    protocol.dataReceived(injection.hello(0, 1) + injection.END_OF_MESSAGE + netstring(b"Xq\0"))
    assert transport.value().endswith(netstring(b"91 envelope format error"))
    assert bench.intake.drafts[0].is_abandoned and bench.log == [b"warning: injection refused: envelope format error"]
    lose(protocol)


def test_a_silent_client_is_cut_off(bench: Bench) -> None:
    protocol, transport = bench.connect()
    bench.clock.advance(11)
    assert transport.disconnected or transport.aborting
    lose(protocol)


def test_a_client_may_take_a_day_and_no_longer(bench: Bench) -> None:
    protocol, transport = bench.connect()
    protocol.dataReceived(injection.hello(0, 1))
    bench.clock.advance(86399)
    assert not transport.disconnected
    bench.clock.advance(2)
    assert transport.disconnected or transport.aborting
    lose(protocol)


def test_one_client_too_many_is_hung_up_on(bench: Bench) -> None:
    bench.factory.clients = CLIENT_LIMIT
    protocol, transport = bench.connect()
    assert transport.disconnecting
    lose(protocol)
    assert bench.factory.clients == CLIENT_LIMIT


@pytest.mark.parametrize(("believed", "is_let_in"), [((), False), ((os.getuid(),), True)])
def test_one_user_cannot_take_all_places(
    make_bench: Callable[[tuple[int, ...]], Bench], believed: tuple[int, ...], is_let_in: bool
) -> None:
    bench = make_bench(believed)
    protocols = [bench.connect()[0] for _ in range(USER_LIMIT)]
    late, transport = bench.connect()
    assert transport.disconnecting is not is_let_in
    for protocol in (*protocols, late):
        lose(protocol)
    assert (bench.factory.clients, bench.factory.users) == (0, {})


def test_a_stranger_does_not_see_what_others_have_queued(bench: Bench) -> None:
    protocol, transport = bench.connect()
    protocol.dataReceived(injection.ASK_QUEUE)
    assert transport.value() == b"" and transport.disconnecting
    assert bench.log == [b"warning: injection refused: uid %d asked for the queue" % os.getuid()]
    lose(protocol)


def test_the_queue_is_listed(make_bench: Callable[[tuple[int, ...]], Bench]) -> None:
    protocol, transport = make_bench((os.getuid(),)).connect()
    protocol.dataReceived(injection.ASK_QUEUE)
    assert transport.value() == b"".join(map(netstring, [*LISTED, b""]))
    lose(protocol)


@pytest.mark.parametrize("order", injection.ORDERS)
def test_an_order_is_obeyed_if_its_giver_is_believed(
    make_bench: Callable[[tuple[int, ...]], Bench], order: bytes
) -> None:
    for believed in ((os.getuid(),), ()):
        bench, orders = make_bench(believed), list[bytes]()
        bench.factory.obey = lambda order, orders=orders: bool(orders.append(order)) or order == injection.PAUSE
        protocol, transport = bench.connect()
        protocol.dataReceived(netstring(order))
        said = b"0 paused" if order == injection.PAUSE else b"0 running"
        assert (transport.value(), orders) == ((netstring(said), [order]) if believed else (b"", []))
        assert transport.disconnecting and (bench.log == []) == bool(believed)
        lose(protocol)


# -- over a real socket
