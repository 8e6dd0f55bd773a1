"""The SMTP client core against servers that misbehave at every step: never a success that was none, never a bounce
for what is not understood, and never much memory."""

from __future__ import annotations

import tracemalloc

import pytest

from qmtwist.wire.outgoing import Lost, Tls
from qmtwist.wire.session import NEED_ANSWER
from qmtwist.wire.smtp.client import ClientSession
from tests.support.outgoing import Letter, Sender

OFFERS = b"250-mx\r\n250 PIPELINING\r\n"
PLAIN = b"250 mx\r\n"
DIED = b"Connected to 192.0.2.1 but connection died. (#4.4.2)\n"
DUPLICATE = b"Connected to 192.0.2.1 but connection died. Possible duplicate! (#4.4.2)\n"
REFUSED = b"192.0.2.1 does not like recipient.\nRemote host said: "

# the good answers of a whole session, without and with PIPELINING
STEPS = {
    "greeting": b"220 hi\r\n", "ehlo": PLAIN, "mail": b"250 ok\r\n", "rcpt": b"250 ok\r\n", "data": b"354 go\r\n",
    "final": b"250 kept\r\n",
}  # fmt: skip
NAMES = list(STEPS)
BOTH = pytest.mark.parametrize("hello", [PLAIN, OFFERS], ids=["lockstep", "pipelining"])


def until(step: str, hello: bytes = PLAIN, names: tuple[bytes, ...] = (b"u",)) -> Sender:
    """A sender that waits for the answer of that step."""
    sender = Sender(
        ClientSession(b"mail.example.org", b"192.0.2.1", Tls.MAY),
        [Letter(b"a@example.com", [name + b"@far.example" for name in names], b"hi\n")],
        is_polite=False,
    )
    sender.run()
    for name in NAMES[: NAMES.index(step)]:
        sender.receive(hello if name == "ehlo" else STEPS[name])
    return sender


def report(sender: Sender) -> bytes:
    assert len(sender.results) == 1
    return sender.results[0].records()


@BOTH
@pytest.mark.parametrize("rest", [b"", b"2", b"25", b"250", b"250-x\r\n", b"250 x", b"250-x\r\n25"])
@pytest.mark.parametrize("step", NAMES)
def test_a_connection_that_ends_without_the_whole_answer_is_deferred(step: str, rest: bytes, hello: bytes) -> None:
    for end in (Sender.eof, Sender.timed_out):
        sender = until(step, hello)
        sender.receive(rest)
        end(sender)
        records = b"" if step in ("greeting", "ehlo", "mail", "rcpt") else b"r\0"
        assert report(sender) == records + b"Z" + (DUPLICATE if step == "final" else DIED) + b"\0"
        assert sender.lost is not None
        early = step in ("greeting", "ehlo") or (step != "final" and end is Sender.eof)
        assert sender.lost.may_try_next_host is early
        assert not sender.wrote.endswith(b"QUIT\r\n")


BUT = b"Connected to 192.0.2.1 but %s\nRemote host said: %s\n\0"
ANSWERS = [
    # step, answer, the letters of the recipients and the message, text of the message
    ("greeting", b"421 no\r\n", b"Z", BUT % (b"greeting failed.", b"421 no")),
    ("greeting", b"554 no\r\n", b"Z", BUT % (b"greeting failed.", b"554 no")),
    ("greeting", b"250 no\r\n", b"Z", BUT % (b"greeting failed.", b"250 no")),
    ("greeting", b"SSH 2.0\r\n", b"Z", BUT % (b"greeting failed.", b"SSH 2.0")),
    ("ehlo", b"421 no\r\n", b"Z", BUT % (b"my name was rejected.", b"421 no")),
    ("ehlo", b"354 no\r\n", b"Z", BUT % (b"my name was rejected.", b"354 no")),
    ("mail", b"421 no\r\n", b"Z", BUT % (b"sender was rejected.", b"421 no")),
    ("mail", b"451 no\r\n", b"Z", BUT % (b"sender was rejected.", b"451 no")),
    ("mail", b"550 no\r\n", b"D", BUT % (b"sender was rejected.", b"550 no")),
    ("mail", b"999 no\r\n", b"D", BUT % (b"sender was rejected.", b"999 no")),
    ("mail", b"what?\r\n", b"Z", BUT % (b"sender was rejected.", b"what?")),
    ("mail", b"2 50 ok\r\n", b"Z", BUT % (b"sender was rejected.", b"2 50 ok")),
    ("mail", b"550-a\r\n450 b\r\n", b"D", BUT % (b"sender was rejected.", b"550-a\n450 b")),
    ("mail", b"450-a\r\n550 b\r\n", b"Z", BUT % (b"sender was rejected.", b"450-a\n550 b")),
    ("rcpt", b"421 no\r\n", b"sD", b"Giving up on 192.0.2.1.\n\0"),
    ("rcpt", b"450 no\r\n", b"sD", b"Giving up on 192.0.2.1.\n\0"),
    ("rcpt", b"550 no\r\n", b"hD", b"Giving up on 192.0.2.1.\n\0"),
    ("rcpt", b"yes yes\r\n", b"sD", b"Giving up on 192.0.2.1.\n\0"),
    ("data", b"421 no\r\n", b"rZ", b"192.0.2.1 failed on DATA command.\nRemote host said: 421 no\n\0"),
    ("data", b"451 no\r\n", b"rZ", b"192.0.2.1 failed on DATA command.\nRemote host said: 451 no\n\0"),
    ("data", b"554 no\r\n", b"rD", b"192.0.2.1 failed on DATA command.\nRemote host said: 554 no\n\0"),
    ("data", b"\xff\xfe x\r\n", b"rZ", b"192.0.2.1 failed on DATA command.\nRemote host said: \xff\xfe x\n\0"),
    ("final", b"421 no\r\n", b"rZ", b"192.0.2.1 failed after I sent the message.\nRemote host said: 421 no\n\0"),
    ("final", b"452 no\r\n", b"rZ", b"192.0.2.1 failed after I sent the message.\nRemote host said: 452 no\n\0"),
    ("final", b"554 no\r\n", b"rD", b"192.0.2.1 failed after I sent the message.\nRemote host said: 554 no\n\0"),
    ("final", b"OK kept\r\n", b"rZ", b"192.0.2.1 failed after I sent the message.\nRemote host said: OK kept\n\0"),
]  # fmt: skip


@BOTH
@pytest.mark.parametrize(("step", "answer", "letters", "text"), ANSWERS)
def test_a_wrong_answer_is_reported_in_qmails_words(
    step: str, answer: bytes, letters: bytes, text: bytes, hello: bytes
) -> None:
    sender = until(step, hello)
    sender.receive(answer)
    if hello is OFFERS and not sender.results:
        # what was sent ahead is answered too
        for reply in (b"503 no\r\n", b"503 no\r\n"):
            if not sender.results:
                sender.receive(reply)
    records = report(sender).split(b"\0")[:-1]
    assert b"".join(record[:1] for record in records) == letters
    assert report(sender).endswith(b"\0" + letters[-1:] + text) or report(sender) == letters + text


@BOTH
@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
def test_421_before_the_message_sends_the_delivery_to_the_next_host(step: str, hello: bytes) -> None:
    sender = until(step, hello)
    sender.receive(b"421 closing\r\n")
    assert sender.lost is not None and sender.lost.may_try_next_host
    # behind commands that were sent ahead a QUIT might be taken for a part of the message
    is_ahead = hello is OFFERS and step != "data"
    assert sender.wrote.endswith(b"DATA\r\n" if is_ahead else b"QUIT\r\n")


@BOTH
def test_421_to_one_of_several_recipients_defers_those_behind_it(hello: bytes) -> None:
    sender = until("rcpt", hello, (b"u", b"v", b"w"))
    sender.receive(b"250 ok\r\n", b"421 closing\r\n")
    assert report(sender) == (
        b"r\0s" + REFUSED + b"421 closing\n\0ZGiving up on 192.0.2.1.\nRemote host said: 421 closing\n\0"
    )
    assert [outcome.verdict.value for outcome in sender.results[0].outcomes(3)] == [b"Z"] * 3


@BOTH
def test_421_to_the_first_of_several_recipients_bounces_nobody(hello: bytes) -> None:
    sender = until("rcpt", hello, (b"u", b"v"))
    sender.receive(b"421 closing\r\n")
    assert [outcome.verdict.value for outcome in sender.results[0].outcomes(2)] == [b"Z"] * 2


def test_421_after_the_message_ends_the_connection_but_not_the_transaction() -> None:
    sender = until("final")
    sender.receive(b"421 closing\r\n")
    assert [ended.is_reusable for ended in sender.ended] == [False]


def test_what_was_decided_before_the_end_stays() -> None:
    sender = until("mail", OFFERS, (b"u", b"v"))
    sender.receive(b"550 no\r\n503 no\r\n")
    sender.eof()
    assert report(sender) == b"DConnected to 192.0.2.1 but sender was rejected.\nRemote host said: 550 no\n\0"
    sender = until("rcpt", OFFERS, (b"u", b"v"))
    sender.receive(b"550 no\r\n450 no\r\n354 go\r\n")
    sender.eof()
    assert sender.lost == Lost(sender.results[0], False)
    assert report(sender) == (b"h" + REFUSED + b"550 no\n\0s" + REFUSED + b"450 no\n\0DGiving up on 192.0.2.1.\n\0")


@BOTH
def test_the_recipients_that_were_answered_keep_their_answer_when_the_connection_dies(hello: bytes) -> None:
    sender = until("rcpt", hello, (b"u", b"v", b"w"))
    sender.receive(b"550 no\r\n", b"250 ok\r\n")
    sender.eof()
    assert report(sender) == b"h" + REFUSED + b"550 no\n\0r\0Z" + DIED + b"\0"
    verdicts = [outcome.verdict.value for outcome in sender.results[0].outcomes(3)]
    assert verdicts == [b"D", b"Z", b"Z"]


def test_a_server_that_closes_after_ehlo_is_reported_with_its_answer() -> None:
    sender = until("ehlo")
    sender.receive(b"502 what\r\n")
    sender.eof()
    assert report(sender) == b"Z" + BUT % (b"my name was rejected.", b"502 what")


# -- answers that come too early


@BOTH
def test_an_acceptance_before_the_message_was_sent_is_not_believed(hello: bytes) -> None:
    sender = until("data", hello)
    sender.receive(b"354 go\r\n250 kept\r\n")
    assert report(sender) == b"r\0ZConnected to 192.0.2.1 but it spoke out of turn. Possible duplicate! (#4.5.0)\n\0"


def test_nor_is_one_that_had_only_begun() -> None:
    session = until("data").session
    session.receive(b"354 go\r\n")
    session.next_event()
    session.receive(b"25")
    assert session.next_event() is NEED_ANSWER
    session.end_body()
    session.receive(b"0 kept\r\n")
    lost = session.next_event()
    assert isinstance(lost, Lost) and lost.result is not None and lost.result.letter == b"Z"


def test_a_refusal_before_the_message_was_sent_is() -> None:
    sender = until("data")
    sender.receive(b"354 go\r\n552 too big\r\n")
    assert report(sender) == b"r\0D192.0.2.1 failed after I sent the message.\nRemote host said: 552 too big\n\0"


@pytest.mark.parametrize(("reply", "letter"), [(b"552 no\r\n", b"D"), (b"452 no\r\n", b"Z"), (b"250 ok\r\n", b"Z")])
def test_an_answer_in_the_middle_of_the_message_ends_it(reply: bytes, letter: bytes) -> None:
    session = until("data").session
    session.receive(b"354 go\r\n")
    session.next_event()
    session.body(b"x\n")
    session.receive(reply)
    lost = session.next_event()
    assert isinstance(lost, Lost) and lost.result is not None
    assert lost.result.letter == letter
    session.body(b"y\n")
    session.end_body()
    assert not session.take_output().endswith(b"\n.\r\n")


# -- a message that SMTP cannot carry


@BOTH
def test_a_partial_final_line_drops_the_connection_before_the_message_ends(hello: bytes) -> None:
    sender = Sender(
        ClientSession(b"mail.example.org", b"192.0.2.1", Tls.MAY), [Letter(b"", [b"u@far.example"], b"a\n", b"b")]
    )
    sender.receive(b"220 hi\r\n", hello, b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n")
    assert report(sender) == b"r\0DSMTP cannot transfer messages with partial final lines. (#5.6.2)\n\0"
    assert sender.wrote.endswith(b"DATA\r\n") and sender.bodies == [b""]
    assert sender.lost is not None and not sender.lost.may_try_next_host


def test_a_cr_at_the_end_is_a_line_end() -> None:
    sender = until("data")
    sender.session.receive(b"354 go\r\n")
    sender.session.next_event()
    sender.session.body(b"a\r")
    sender.session.end_body()
    assert sender.session.take_output() == b"a\r\n.\r\n"


# -- answers without an end


@pytest.mark.parametrize("line", [b"x" * 4096, b"250-" + b"x" * 500 + b"\r\n", b"250-\n", b"\n" * 64])
@pytest.mark.parametrize("step", NAMES)
def test_an_endless_answer_is_cut_short_and_costs_little_memory(step: str, line: bytes) -> None:
    sender = until(step)
    chunk = line * (65536 // len(line))
    tracemalloc.start()
    try:
        for _ in range(8 * 1024 * 1024 // len(chunk)):
            if sender.is_over or sender.results:
                break
            sender.receive(chunk)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sender.is_over or sender.results
    assert sender.results[0].letter != b"K"
    assert peak < 2_000_000
    if line[:4] == b"250-":
        text = b"its answer did not end. " + (b"Possible duplicate! " if step == "final" else b"")
        assert sender.results[0].text == b"Connected to 192.0.2.1 but " + text + b"(#4.5.0)\n"


@pytest.mark.parametrize(("before", "is_read"), [(1999, True), (2000, True), (2001, False)])
def test_an_answer_goes_on_for_at_most_2000_lines(before: int, is_read: bool) -> None:
    sender = until("mail")
    sender.receive(b"550-\n" * before, b"550 \n")
    assert (sender.results[0].letter == b"D") is is_read


@pytest.mark.parametrize(("size", "is_read"), [(999_999, True), (1_000_000, True), (1_000_001, False)])
def test_an_answer_goes_on_for_at_most_a_million_bytes(size: int, is_read: bool) -> None:
    sender = until("mail")
    sender.receive(b"550 " + b"x" * (size - 4), b"\n")
    assert (sender.results[0].letter == b"D") is is_read


def test_a_long_answer_is_reported_with_its_beginning() -> None:
    sender = until("mail")
    sender.receive(b"550-\0" + b"y" * 6000, b"y" * 6000 + b"\r\n550 z\r\n")
    assert report(sender)[:-1].partition(b"said: ")[2] == b"550-?" + b"y" * 4995
    sender = until("mail")
    sender.receive(b"550 " + b"\r" * 9000 + b"y" * 9000 + b"\n")
    assert report(sender)[:-1].partition(b"said: ")[2] == b"550 " + b"y" * 4996


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_where_an_answer_is_cut_never_matters(size: int) -> None:
    """Three bytes of a later line are passed over, also a line end."""
    replies = [
        b"220-a\r\n\r\n2  b\r\n", b"250-x\n250-PIPELINING\r\n250 y\n", b"250 ok\r\n250-\r\n250 ok\n354 go\r\n",
        b"250-kept\r\n250 7\r\n",
    ]  # fmt: skip
    sender = until("greeting")
    for reply in replies:
        sender.receive(*(reply[at : at + size] for at in range(0, len(reply), size)))
    assert sender.wrote.count(b"\r\n") == 6
    assert report(sender) == b"r\0K192.0.2.1 accepted message.\nRemote host said: 250-kept\n250 7\n\0"
