"""The QMTP client core against a reference server made of netstrings, and against servers that misbehave."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmtwist.mail.outcome import Verdict
from qmtwist.wire.netstring import NetstringReader, netstring
from qmtwist.wire.outgoing import Ended, Lost, Ready, SendBody, StartTls, Transaction, Wait
from qmtwist.wire.qmtp import QmtpClient
from qmtwist.wire.session import NEED_ANSWER, NEED_DATA
from tests.support.cuts import cuts
from tests.support.outgoing import Letter, Sender

DIED = b"Connected to 192.0.2.1 but connection died. Possible duplicate! (#4.4.2)\n"
NONSENSE = b"Connected to 192.0.2.1 but its answer made no sense. Possible duplicate! (#4.5.0)\n"


class Server:
    """A QMTP server as the protocol says: it answers behind each package, a netstring for each recipient."""

    def __init__(self, answers: dict[bytes, bytes]) -> None:
        self.answers = answers
        self.messages: list[tuple[bytes, list[bytes], bytes]] = []
        self._reader = NetstringReader(limit_bytes=10_000_000)
        self._package: list[bytes] = []

    def receive(self, data: bytes) -> bytes:
        said = b""
        for payload in self._reader.receive(data):
            self._package.append(payload)
            if len(self._package) == 3:
                said += self._take()
        return said

    def _take(self) -> bytes:
        (message, sender, listed), self._package = self._package, []
        assert message[:1] == b"\n"
        recipients = list(NetstringReader(limit_bytes=1000).receive(listed))
        self.messages.append((sender, recipients, message[1:]))
        return b"".join(netstring(self.answers[recipient]) for recipient in recipients)


ADDRESSES = st.binary(max_size=12)
ANSWERS = st.builds(bytes.__add__, st.sampled_from([b"K", b"Z", b"D"]), st.binary(max_size=12))


@settings(deadline=None)
@given(st.dictionaries(ADDRESSES, ANSWERS, min_size=1, max_size=6), st.data())
def test_what_is_sent_arrives_and_each_recipient_has_its_own_answer(
    answers: dict[bytes, bytes], data: st.DataObject
) -> None:
    server = Server(answers)
    work = []
    for _ in range(data.draw(st.integers(1, 3))):
        recipients = data.draw(st.lists(st.sampled_from(list(answers)), min_size=1, max_size=5))
        work.append(Letter(data.draw(ADDRESSES), recipients, *data.draw(cuts(data.draw(st.binary(max_size=80))))))
    sender = Sender(QmtpClient(b"192.0.2.1"), work)
    sender.run()
    heard = sender.take()
    while heard:
        said = b"".join(server.receive(piece) for piece in data.draw(cuts(heard)))
        heard = sender.receive(*data.draw(cuts(said)))
    assert server.messages == [
        (letter.transaction.sender, list(letter.transaction.recipients), b"".join(letter.pieces)) for letter in work
    ]
    verdicts = [
        [outcome.verdict.value for outcome in result.outcomes(len(letter.transaction.recipients))]
        for result, letter in zip(sender.results, work, strict=True)
    ]
    assert verdicts == [[answers[address][:1] for address in letter.transaction.recipients] for letter in work]


def sent(*names: bytes) -> Sender:
    """A sender that waits for the answers to one message."""
    letter = Letter(b"a@example.com", names or [b"u@far.example"], b"hi\n")
    sender = Sender(QmtpClient(b"192.0.2.1"), [letter], is_polite=False)
    sender.run()
    return sender


def test_a_package_is_one_write() -> None:
    assert sent().take() == b"4:\nhi\n,13:a@example.com,17:13:u@far.example,,"


def test_reports_are_worded_as_those_of_smtp() -> None:
    sender = sent(b"u", b"v", b"w")
    sender.receive(netstring(b"Kok 1 qp 2") + netstring(b"Dno\tsuch\xff user") + netstring(b"Zlater"))
    refused = b"192.0.2.1 does not like recipient.\nRemote host said: "
    assert [result.records() for result in sender.results] == [
        b"r\0h" + refused + b"no?such? user\n\0s" + refused + b"later\n\0"
        b"K192.0.2.1 accepted message.\nRemote host said: ok 1 qp 2\n\0"
    ]


def test_the_text_of_a_success_is_what_came_with_the_first() -> None:
    letters = [Letter(b"", [b"u", b"v"], b"hi\n"), Letter(b"", [b"u"], b"hi\n")]
    sender = Sender(QmtpClient(b"192.0.2.1"), letters)
    sender.run()
    sender.receive(netstring(b"Kone") + netstring(b"Ktwo"), netstring(b"Dno"))
    texts = [result.text for result in sender.results]
    assert texts == [b"192.0.2.1 accepted message.\nRemote host said: one\n", b"Giving up on 192.0.2.1.\n"]


def test_nobody_accepted_is_giving_up() -> None:
    sender = sent(b"u", b"v")
    sender.receive(netstring(b"Dno") + netstring(b"Zlater"))
    assert sender.results[0].records().endswith(b"\0DGiving up on 192.0.2.1.\n\0")
    assert [outcome.verdict.value for outcome in sender.results[0].outcomes(2)] == [b"D", b"Z"]


@pytest.mark.parametrize(
    "answer",
    [
        b":", b"x", b"-1:K,", b" 3:Kok,", b"3;Kok,", b"0:,", b"3:xok,", b"3:kok,", b"3:Kok.", b"2:Kok,",
        b"200000001:K", b"999999999:K", b"1000000000:", b"0000000003:Kok,", b"\r\n", b"220 hi\r\n",
    ],
)  # fmt: skip
def test_an_answer_that_makes_no_sense_defers(answer: bytes) -> None:
    whole, pieces = sent(), sent()
    whole.receive(answer)
    pieces.receive(*(answer[at : at + 1] for at in range(len(answer))))
    for sender in (whole, pieces):
        assert [result.records() for result in sender.results] == [b"Z" + NONSENSE + b"\0"]
        assert sender.lost is not None and not sender.lost.may_try_next_host


def test_an_answer_of_the_greatest_length_is_read_and_costs_little() -> None:
    sender = sent()
    sender.receive(b"200000000:K")
    left = 199_999_999
    piece = b"x" * 1_000_000
    while left:
        size = min(left, len(piece))
        sender.receive(piece[:size])
        left -= size
    assert sender.results == []
    sender.receive(b",")
    assert sender.results[0].letter == b"K"
    assert len(sender.results[0].text) < 5100


@pytest.mark.parametrize("rest", [b"", b"3", b"3:", b"3:Kok"])
@pytest.mark.parametrize("end", [Sender.eof, Sender.timed_out])
def test_answers_that_never_come_defer_and_warn_of_a_duplicate(end: object, rest: bytes) -> None:
    sender = sent(b"u", b"v")
    sender.receive(rest)
    assert callable(end)
    end(sender)
    assert [result.records() for result in sender.results] == [b"Z" + DIED + b"\0"]
    assert sender.lost == Lost(sender.results[0], False)


def test_who_was_answered_before_the_end_keeps_the_answer() -> None:
    sender = sent(b"u", b"v", b"w")
    sender.receive(netstring(b"Dno") + netstring(b"Kok"))
    sender.eof()
    outcomes = sender.results[0].outcomes(3)
    assert [outcome.verdict for outcome in outcomes] == [Verdict.FAILURE, Verdict.SUCCESS, Verdict.DEFERRAL]
    assert outcomes[2].text.startswith(DIED[:-1])


def test_an_end_before_the_package_is_complete_risks_no_duplicate() -> None:
    session = QmtpClient(b"192.0.2.1")
    assert isinstance(session.next_event(), Ready)
    session.begin(Transaction(b"", (b"u",), 6, False))
    assert isinstance(session.next_event(), SendBody)
    session.body(b"hi\n")
    assert session.next_event() is NEED_ANSWER and session.wait is Wait.BLOCK
    session.eof()
    lost = session.next_event()
    assert isinstance(lost, Lost) and lost.may_try_next_host and lost.result is not None
    assert lost.result.text == b"Connected to 192.0.2.1 but connection died. (#4.4.2)\n"


def test_a_large_message_leaves_in_blocks_and_a_small_one_with_its_end() -> None:
    session = QmtpClient(b"192.0.2.1")
    session.next_event()
    session.begin(Transaction(b"", (b"u",), 40_003, False))
    session.next_event()
    session.body(b"x" * 20_000)
    assert session.take_output() == b""
    session.body(b"x" * 20_000)
    assert len(session.take_output()) == 40_000 + len(b"40004:\n")
    session.body(b"yz\n")
    assert session.take_output() == b""
    session.end_body()
    assert session.take_output() == b"yz\n,0:,4:1:u,,"


@pytest.mark.parametrize(("size", "message"), [(2, b"hi\n"), (4, b"hi\n"), (0, b"x"), (3, b"x" * 40_000)])
def test_a_message_of_another_size_never_becomes_a_package(size: int, message: bytes) -> None:
    session = QmtpClient(b"192.0.2.1")
    session.next_event()
    session.begin(Transaction(b"", (b"u",), size, False))
    session.next_event()
    session.body(message)
    assert session.take_output() == b""
    session.end_body()
    lost = session.next_event()
    assert isinstance(lost, Lost) and lost.result is not None
    assert lost.result.records() == b"ZUnable to read message. (#4.3.0)\n\0"
    assert session.take_output() == b""


@pytest.mark.parametrize("answer", [b"3:Kok,", b"3", b"x"])
def test_an_answer_before_the_question_is_not_believed(answer: bytes) -> None:
    idle, early, middle, late = (QmtpClient(b"192.0.2.1") for _ in range(4))
    for session in (idle, early, middle, late):
        session.next_event()
    early.begin(Transaction(b"", (b"u",), 3, False))
    early.next_event()
    middle.begin(Transaction(b"", (b"u",), 3, False))
    middle.next_event()
    for session in (idle, early, middle, late):
        session.receive(answer)
    late.begin(Transaction(b"", (b"u",), 3, False))
    early.body(b"hi\n")
    early.end_body()
    assert idle.next_event() == Lost(None, True)
    assert late.take_output() == b""
    for session in (early, middle, late):
        lost = session.next_event()
        assert isinstance(lost, Lost) and lost.result is not None and lost.result.letter == b"Z"


def test_an_idle_session_ends_without_a_report() -> None:
    sender = sent()
    assert sender.pause is NEED_DATA and sender.session.wait is Wait.FINAL  # type: ignore[attr-defined]
    sender.receive(netstring(b"Kok"))
    assert sender.ended == [Ended(sender.results[0], True)]
    sender.eof()
    assert sender.lost == Lost(None, True) and len(sender.results) == 1


def test_a_message_for_nobody_sends_nothing() -> None:
    sender = Sender(QmtpClient(b"192.0.2.1"), [Letter(b"", [], b"hi\n")])
    sender.run()
    assert sender.wrote == b"" and sender.results[0].letter == b"D"


def test_qmtps_asks_for_tls_before_anything_else() -> None:
    session = QmtpClient(b"192.0.2.1", is_encrypted=True)
    assert isinstance(session.next_event(), StartTls)
    assert session.next_event() is NEED_ANSWER and session.wait is Wait.TLS and session.take_output() == b""
    session.tls_started()
    assert isinstance(session.next_event(), Ready)
    session.begin(Transaction(b"", (b"a@b",), 0, False))
    assert isinstance(session.next_event(), SendBody)


def test_a_handshake_that_fails_leaves_other_hosts_to_be_tried() -> None:
    session = QmtpClient(b"192.0.2.1", is_encrypted=True)
    session.next_event()
    session.tls_failed(b"no shared cipher")
    lost = session.next_event()
    assert isinstance(lost, Lost) and lost.may_try_next_host and lost.result is not None
    assert lost.result.text == b"Connected to 192.0.2.1 but TLS failed: no shared cipher. (#4.7.5)\n"
    assert session.next_event() is NEED_DATA


def test_a_connection_lost_in_the_handshake_leaves_other_hosts_to_be_tried() -> None:
    session = QmtpClient(b"192.0.2.1", is_encrypted=True)
    session.next_event()
    session.eof()
    assert session.next_event() == Lost(None, True)
