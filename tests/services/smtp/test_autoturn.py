"""AutoTURN's bookkeeping: who is sent back to, how often, and what ETRN is answered."""

from __future__ import annotations

import attrs
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from qmtwist.control.load import load
from qmtwist.control.settings import Settings
from qmtwist.mail.errors import Temporary
from qmtwist.services.door.listen import Peer
from qmtwist.services.smtp.autoturn import AutoTurn
from qmtwist.wire import spawn
from qmtwist.wire.flush import FlushOrder, encode_flushed, parse_flush
from qmtwist.wire.smtp.events import Limits, make_terms
from qmtwist.wire.smtp.reply import Reply

IP = b"192.0.2.7"
CLIENT = Peer(IP, 1, {})
STRANGER = Peer(b"192.0.2.8", 1, {})


class Office:
    """The local agent, the queue and the log in one."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = Clock()
        self.orders: list[tuple[bytes, FlushOrder]] = []
        self.answers: list[Deferred[tuple[spawn.Frame, int | None]]] = []
        self.nodes: list[bytes] = []
        self.searches: list[Deferred[int]] = []
        self.is_free = True
        self.log: list[bytes] = []
        self.turns = AutoTurn(self.clock, self, lambda: self.settings, self, self.log.append)

    def channel_request(self, local: bytes, kind: bytes, payload: bytes) -> Deferred[tuple[spawn.Frame, int | None]]:
        assert kind == spawn.FLUSH
        self.orders.append((local, parse_flush(payload)))
        self.answers.append(Deferred())
        return self.answers[-1]

    def try_domain(self, node: bytes) -> Deferred[int] | None:
        self.nodes.append(node)
        self.searches.append(Deferred())
        return self.searches[-1] if self.is_free else None

    def end(self, status: int, output: bytes = b"") -> None:
        self.answers.pop().callback((spawn.Frame(spawn.FLUSHED, 1, encode_flushed(status, output)), None))

    def etrn(self, peer: Peer, node: bytes, count: int = 0) -> int:
        """The code of the answer; `count` messages are found if the queue is searched."""
        terms = self.turns.terms(make_terms(b"h", Limits(1000, 100, 5, 100, 0)), peer)
        assert (b"ETRN" in terms.ehlo) == terms.has_etrn
        if not terms.has_etrn:
            return 502
        answers: list[Reply] = []
        self.searches.clear()
        self.turns.asked(peer, node).addCallback(answers.append)
        if self.searches and self.is_free:
            assert not answers  # it waits for the search
            self.searches[0].callback(count)
        return answers[0].code


@pytest.fixture
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    top = tmp_path_factory.mktemp("home")
    (top / "control").mkdir()
    (top / "control" / "me").write_text("me.example\n")
    (top / "control" / "autoturn").write_text("192.0.2.7:box:qmtp:1209\n")
    (top / "control" / "virtualdomains").write_text("virt.dom:autoturn-box\n.sub.dom:autoturn-box\nother.dom:joe\n")
    return Office(load(str(top)))


def test_the_end_of_a_customers_session_sends_his_maildir_to_where_he_came_from(office: Office) -> None:
    office.turns.session_ended(STRANGER)
    assert office.orders == []
    office.turns.session_ended(CLIENT)
    expected = FlushOrder(b"autoturn-box-", b"box", b"qmtp", IP, b"1209", b"me.example")
    assert office.orders == [(b"autoturn-box-", expected)]


def test_there_is_one_run_at_a_time(office: Office) -> None:
    office.turns.session_ended(CLIENT)
    office.turns.session_ended(CLIENT)
    assert len(office.orders) == 1
    office.end(0, b"maildirserial: info: a\x1b\n")
    assert office.log == [b"autoturn 192.0.2.7: maildirserial: info: a\\x1b"]
    office.turns.session_ended(CLIENT)
    assert len(office.orders) == 2


def test_a_run_that_left_something_is_not_repeated_for_a_minute_unless_by_etrn(office: Office) -> None:
    office.turns.session_ended(CLIENT)
    office.end(111)
    office.turns.session_ended(CLIENT)
    assert len(office.orders) == 1
    assert office.etrn(CLIENT, b"virt.dom") == 250
    office.end(111)
    office.clock.advance(61)
    office.turns.session_ended(CLIENT)
    assert len(office.orders) == 3


def test_a_worker_that_cannot_be_reached_is_logged_and_tried_again_later(office: Office) -> None:
    office.turns.session_ended(CLIENT)
    office.answers.pop().errback(Temporary("nobody there"))
    assert office.log == [b"autoturn 192.0.2.7: nobody there"]
    office.clock.advance(61)
    office.turns.session_ended(CLIENT)
    office.answers.pop().callback((spawn.Frame(spawn.REFUSAL, 1, b"Zno process\n"), None))
    assert office.log[-1] == b"autoturn 192.0.2.7: no process"


def test_etrn_is_for_ones_own_domains(office: Office) -> None:
    assert office.etrn(STRANGER, b"virt.dom") == 502
    assert office.etrn(CLIENT, b"other.dom") == 459
    assert office.etrn(CLIENT, b"unknown.dom") == 459
    assert office.etrn(CLIENT, b"VIRT.dom") == 250
    assert office.etrn(CLIENT, b"virt.dom") == 458
    office.end(0)
    assert office.etrn(CLIENT, b"a.sub.dom") == 250
    office.end(0)
    assert office.etrn(CLIENT, b"#box") == 250
    office.end(0)
    assert office.etrn(CLIENT, b"#joe") == 459
    assert office.nodes == []


def test_the_variable_etrn_is_for_domains_whose_mail_is_in_the_queue(office: Office) -> None:
    peer = STRANGER._replace(variables={b"ETRN": b"far.dom,.far.dom"})
    assert office.etrn(peer, b"far.dom", 3) == 253
    assert office.etrn(peer, b"@a.far.dom") == 251
    assert office.etrn(peer, b"near.dom") == 459
    assert office.etrn(peer, b"#far.dom") == 459
    office.is_free = False
    assert office.etrn(peer, b"far.dom") == 458
    assert office.nodes == [b"far.dom", b"@a.far.dom", b"far.dom"]


def test_the_answer_says_how_many_messages_are_on_their_way(office: Office) -> None:
    peer = STRANGER._replace(variables={b"ETRN": b""})
    answers: list[Reply] = []
    for count in (2, 0):
        office.turns.asked(peer, b"far.dom").addCallback(answers.append)
        office.searches[-1].callback(count)
    office.turns.asked(peer, b"far.dom").addCallback(answers.append)
    office.searches[-1].errback(OSError("no such disk"))
    assert [answer.plain for answer in answers] == [
        b"253 OK, 2 pending messages for node far.dom started\r\n",
        b"251 OK, no messages waiting for node far.dom\r\n",
        b"458 Unable to queue messages for node far.dom (#4.3.2)\r\n",
    ]
    assert office.log == [b"etrn 192.0.2.8: far.dom: %d" % code for code in (253, 251, 458)]


def test_new_lines_count_from_the_next_connection_on(office: Office) -> None:
    access = attrs.evolve(office.settings.access, autoturn=(b"192.0.2.8:box",))
    office.settings = attrs.evolve(office.settings, access=access)
    office.turns.session_ended(CLIENT)
    office.turns.session_ended(STRANGER)
    assert [order.host for _, order in office.orders] == [b"192.0.2.8"]
