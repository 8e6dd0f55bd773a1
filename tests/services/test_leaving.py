"""services/leaving.py: what a link for leaving a list does, and what it does not do."""

from __future__ import annotations

from html import unescape
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from qmtwist.control.settings import AccessSettings
from qmtwist.mail.errors import Temporary
from qmtwist.rules.lists import oneclick
from qmtwist.services import leaving
from qmtwist.services.leaving import LeavingService, Visit
from qmtwist.services.smtp.clerk import Staff
from tests.support.cuts import cuts
from tests.support.fake_intake import FakeIntake
from tests.support.smtp_service import NOW, FakeCheck

SECRET, LIST_SECRET = b"1" * 64, b"2" * 64
ADDRESS = oneclick.leaving(b"list-return-7-@h.dom-@[]", b"ann@x.y", oneclick.posting_key(LIST_SECRET, 7))
PATH = b"/leave/" + oneclick.token(SECRET, ADDRESS)
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
BODY = b"List-Unsubscribe=One-Click"
PARTS = b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'


class House:
    """The service, and a queue in memory."""

    def __init__(self, access: AccessSettings = leaving.NO_ACCESS, total: int = 5, per_ip: int = 3) -> None:
        self.clock = Clock()
        self.clock.advance(NOW)
        self.intake = FakeIntake()
        self.lines: list[bytes] = []
        self.secret: bytes | OSError = SECRET
        staff = Staff(self.clock, self.intake, FakeCheck(), self.lines.append, 1002)
        self.service = LeavingService(staff, self.get_secret)
        self.service.use(total, per_ip, b"mx.h.dom", access)

    def get_secret(self) -> bytes:
        if isinstance(self.secret, OSError):
            raise self.secret
        return self.secret

    def knock(self, host: str = "192.0.2.7") -> Client:
        visit = self.service.clear.buildProtocol(IPv4Address("TCP", host, 5))
        return Client(cast(Visit, visit))

    def ask(self, method: bytes, path: bytes = PATH, body: bytes = b"", fields: bytes = FORM, **more: str) -> Answer:
        """One request on a connection of its own."""
        client = self.knock(**more)
        client.say(request(method, path, body, fields))
        return client.answer()


def request(method: bytes, path: bytes = PATH, body: bytes = b"", fields: bytes = FORM) -> bytes:
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    return b"%s %s HTTP/1.1\r\nHost: h.dom\r\n%s%s\r\n%s" % (method, path, fields, length, body)


class Answer:
    """A response, cut into its parts."""

    def __init__(self, text: bytes) -> None:
        head, _, self.body = text.partition(b"\r\n\r\n")
        first, *fields = head.split(b"\r\n")
        self.code = int(first.split()[1])
        self.fields = {name.lower(): value for name, _, value in (field.partition(b": ") for field in fields)}


class Client:
    """The other end of one connection."""

    def __init__(self, visit: Visit) -> None:
        self.transport = StringTransport()
        self.visit = visit
        visit.makeConnection(self.transport)

    @property
    def is_closed(self) -> bool:
        return self.transport.disconnecting or self.transport.disconnected

    def say(self, data: bytes) -> None:
        self.visit.dataReceived(data)

    def answer(self) -> Answer:
        assert self.is_closed, self.transport.value()
        answer = Answer(self.transport.value())
        self.leave()
        return answer

    def leave(self) -> None:
        self.visit.connectionLost(Failure(ConnectionDone()))


def test_a_look_at_the_link_shows_a_button_and_changes_nothing() -> None:
    house = House()
    answer = house.ask(b"GET", fields=b"")
    assert answer.code == 200 and not house.intake.drafts and not house.lines
    assert b'<form method="post">' in answer.body and b"ann@x.y" in answer.body and b"list@h.dom" in answer.body
    policy = answer.fields[b"content-security-policy"]
    assert b"default-src 'none'" in policy and b"frame-ancestors 'none'" in policy and b"unsafe" not in policy
    assert answer.fields[b"referrer-policy"] == b"no-referrer" and answer.fields[b"connection"] == b"close"
    head = house.ask(b"HEAD", fields=b"")
    assert (head.code, head.body) == (200, b"") and not house.intake.drafts


@pytest.mark.parametrize(
    ("fields", "body"),
    [(FORM, BODY), (b"", BODY), (b"Content-Type: multipart/form-data; boundary=b\r\n", PARTS)],
)
def test_one_click_queues_a_message_to_the_list(fields: bytes, body: bytes) -> None:
    house = House()
    answer = house.ask(b"POST", body=body, fields=fields)
    assert answer.code == 200 and b"ann@x.y" in answer.body
    (draft,) = house.intake.drafts
    assert draft.envelope is not None
    assert (draft.envelope.sender, draft.envelope.recipients) == (b"list-return-@h.dom", (ADDRESS,))
    assert draft.data.startswith(b"Received: from unknown (192.0.2.7)\n  by mx.h.dom with HTTP; ")
    assert b"\nSubject: unsubscribe\n" in draft.data and b"from 192.0.2.7." in draft.data
    assert house.lines == [b"http 1: 192.0.2.7:5 accepted %d: ann@x.y leaves list@h.dom" % draft.number]


def test_a_chunked_body_will_do() -> None:
    fields = FORM + b"Transfer-Encoding: chunked\r\n"
    text = b"POST %s HTTP/1.1\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (PATH, fields, len(BODY), BODY)
    house = House()
    client = house.knock()
    client.say(text)
    assert client.answer().code == 200 and len(house.intake.drafts) == 1


@given(cuts(request(b"POST", body=BODY)))
def test_where_the_request_is_cut_never_matters(pieces: list[bytes]) -> None:
    house = House()
    client = house.knock()
    for piece in pieces:
        client.say(piece)
    assert client.answer().code == 200 and len(house.intake.drafts) == 1


@pytest.mark.parametrize("body", [b"", b"List-Unsubscribe=Yes", b"list-unsubscribe=one-click", b"x" * 100])
def test_another_body_is_no_click(body: bytes) -> None:
    house = House()
    assert house.ask(b"POST", body=body).code == 400 and not house.intake.drafts
    assert house.lines == [b"http 1: 192.0.2.7:5 refused POST: 400 no_one-click_body".replace(b"_", b" ")]


FORGED = oneclick.leaving(b"list-return-7-@h.dom-@[]", b"bob@x.y", oneclick.posting_key(LIST_SECRET, 7))


@pytest.mark.parametrize(
    "path",
    [
        b"/",
        b"/leave/",
        PATH + b"x",
        PATH[:-1],
        PATH.replace(b".", b""),
        b"/leave/" + oneclick.token(b"3" * 64, ADDRESS),
        b"/leave/" + oneclick.token(b"3" * 64, FORGED).partition(b".")[0] + b"." + PATH.partition(b".")[2],
        b"/leave/" + oneclick.token(SECRET, b"root@h.dom"),  # made by us, but no address of a list
        b"/leave/" + b"A" * 5000,
        b"/leave/%3Cscript%3E",
        b"/<script>alert(1)</script>",
        b"//evil.example/",
        b"http://evil.example/x",
    ],
)
def test_other_links_lead_nowhere(path: bytes) -> None:
    house = House()
    for method in (b"GET", b"POST"):
        answer = house.ask(method, path, BODY if method == b"POST" else b"")
        assert answer.code == 404 and not house.intake.drafts
        assert b"evil" not in answer.body and b"<script" not in answer.body and b"location" not in answer.fields


@pytest.mark.parametrize("method", [b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"post"])
def test_other_methods_are_refused(method: bytes) -> None:
    house = House()
    answer = house.ask(method, body=BODY)
    assert answer.code == 405 and answer.fields[b"allow"] == b"GET, HEAD, POST" and not house.intake.drafts


def test_what_people_write_into_addresses_is_shown_as_text() -> None:
    target = b"<script>&'x=y.z"
    token = oneclick.token(SECRET, b"l-uo.7.aaaaaaaaaaaaaaaaaaaa-" + target + b"@h.dom")
    answer = House().ask(b"GET", b"/" + token)
    assert answer.code == 200 and b"<script" not in answer.body
    assert "<script>&'x@y.z" in unescape(answer.body.decode())


def test_a_second_click_is_answered_and_not_queued() -> None:
    house = House()
    for _ in range(3):
        assert house.ask(b"POST", body=BODY).code == 200
    assert len(house.intake.drafts) == 1
    house.clock.advance(leaving.REMEMBERED_S + 1)
    assert house.ask(b"POST", body=BODY).code == 200
    assert len(house.intake.drafts) == 2


def test_wishes_are_not_remembered_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, "REMEMBERED", 2)
    house = House()
    for name in (b"a", b"b", b"c"):
        address = oneclick.leaving(b"l-return-7-@h-@[]", name + b"@x", oneclick.posting_key(LIST_SECRET, 7))
        assert house.ask(b"POST", b"/" + oneclick.token(SECRET, address), BODY).code == 200
        house.clock.advance(1)
    assert len(house.service._place.done) == 2


@pytest.mark.parametrize("is_open_refused", [True, False])
def test_a_queue_that_takes_nothing_is_told_and_asked_again(is_open_refused: bool) -> None:
    house = House()
    trouble = Temporary("disk full", "4.3.1")
    house.intake.open_error = trouble if is_open_refused else None
    house.intake.commit_error = None if is_open_refused else trouble
    assert house.ask(b"POST", body=BODY).code == 503
    assert house.lines == [b"http 1: 192.0.2.7:5 refused POST: 503 disk full"]
    house.intake.open_error = house.intake.commit_error = None
    assert house.ask(b"POST", body=BODY).code == 200


def test_without_its_secret_the_service_knows_no_link() -> None:
    house = House()
    house.secret = OSError(5, "Input/output error")
    assert house.ask(b"POST", body=BODY).code == 503 and not house.intake.drafts


def test_a_flood_is_no_flood_of_lines() -> None:
    house = House()
    for _ in range(50):
        assert house.ask(b"POST", b"/x", BODY).code == 404
    house.clock.advance(leaving.LINE_S)
    house.ask(b"POST", b"/x", BODY)
    assert house.lines == [
        b"http 1: 192.0.2.7:5 refused POST: 404 no link of ours",
        b"http 51: 192.0.2.7:5 refused POST: 404 no link of ours, 49 refusals not shown",
    ]


def test_who_does_not_wait_for_the_answer_leaves_all_the_same() -> None:
    house = House()
    house.intake.is_holding = True
    client = house.knock()
    client.say(request(b"POST", body=BODY))
    assert not client.is_closed
    client.leave()
    house.intake.drafts[0].settle()
    assert len(house.lines) == 1


@pytest.mark.parametrize(
    "data",
    [
        request(b"GET", b"/" + b"x" * 20_000),
        b"GET / HTTP/1.1\r\n" + b"".join(b"A%d: b\r\n" % number for number in range(100)) + b"\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"b" * 10_000 + b"\r\n\r\n",
        request(b"POST", body=b"x" * 5000),
        b"POST %s HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1388\r\n%s" % (PATH, b"x" * 5000),
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"\0\xff\r\n\r\n",
        b"GET\r\n\r\n",
    ],
)
def test_too_much_and_nonsense_end_the_connection(data: bytes) -> None:
    house = House()
    client = house.knock()
    client.say(data)
    assert client.is_closed and not house.intake.drafts
    client.leave()
    assert not house.clock.getDelayedCalls()


WORDS = [
    *(
        b"POST ",
        PATH,
        b" HTTP/1.1",
        b"\r\n",
        b"\r\n\r\n",
        FORM,
        BODY,
        b"Content-Length: 26",
        b"%00",
        b":",
        b"\n",
        b"\xff",
    ),
    *(b"Content-Type: multipart/form-data", b"Content-Type: x; charset=\xff"),
]


@settings(max_examples=200)
@given(st.lists(st.sampled_from(WORDS), max_size=12))
def test_whatever_comes_there_is_no_bug(words: list[bytes]) -> None:
    house = House()
    client = house.knock()
    client.say(b"".join(words))
    house.clock.advance(leaving.SESSION_S)
    client.leave()
    assert not [line for line in house.lines if b"bug" in line]
    assert not house.clock.getDelayedCalls()


def test_who_says_nothing_and_who_says_it_slowly_are_hung_up_on() -> None:
    house = House()
    silent, slow = house.knock(), house.knock()
    slow.say(b"GET / HTTP/1.1\r\n")
    for _ in range(leaving.SESSION_S // 10):
        slow.say(b"A: b\r\n")
        house.clock.advance(10)
    assert silent.is_closed and slow.is_closed


def test_there_is_one_request_in_a_connection() -> None:
    house = House()
    client = house.knock()
    client.say(request(b"GET") + request(b"POST", body=BODY))
    assert client.transport.value().count(b"HTTP/1.1 200") == 1 and not house.intake.drafts
    client.leave()


def test_connections_and_wishes_have_limits(tmp_path: Path) -> None:
    (tmp_path / "tcprules.http").write_text("198.51.100.:deny\n:allow\n")
    house = House(AccessSettings(str(tmp_path), 1, False, messages_per_hour=1))
    clients = [house.knock() for _ in range(3)]
    turned_away = house.service.clear.buildProtocol(IPv4Address("TCP", "192.0.2.7", 6))
    assert not isinstance(turned_away, Visit)
    assert house.service.clear.buildProtocol(IPv4Address("TCP", "198.51.100.1", 6)) is None
    for client in clients:
        client.leave()
    assert house.ask(b"POST", body=BODY).code == 200
    assert house.ask(b"POST", b"/" + oneclick.token(SECRET, FORGED), BODY).code == 429
    assert len(house.intake.drafts) == 1


@pytest.mark.parametrize(
    ("host", "named", "shown"),
    [
        ("127.0.0.1", b"10.0.0.1, 198.51.100.3", b"for 198.51.100.3 "),
        ("unknown", b"198.51.100.3", b"for 198.51.100.3 "),
        ("127.0.0.1", b"evil\xff", b""),
        ("127.0.0.1", b"", b""),
        ("192.0.2.7", b"198.51.100.3", b""),
    ],
)
def test_a_proxy_of_this_host_is_believed_whose_client_it_serves(host: str, named: bytes, shown: bytes) -> None:
    house = House()
    house.ask(b"POST", body=BODY, fields=FORM + b"X-Forwarded-For: " + named + b"\r\n", host=host)
    assert (b"%s:5 %saccepted" % (host.encode(), shown)) in house.lines[0]
    assert (shown.split()[-1] if shown else host.encode()) in house.intake.drafts[0].data


def test_a_stop_waits_for_the_queue_and_for_nobody_else() -> None:
    house = House()
    house.intake.is_holding = True
    idle, busy = house.knock(), house.knock()
    busy.say(request(b"POST", body=BODY))
    ended: list[object] = []
    house.service.drain(10).addCallback(ended.append)
    assert idle.is_closed and not busy.is_closed
    idle.leave()
    house.intake.drafts[0].settle()
    assert busy.answer().code == 200 and ended
