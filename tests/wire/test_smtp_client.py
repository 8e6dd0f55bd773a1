"""The SMTP client core against servers that behave, each step by itself."""

from __future__ import annotations

import pytest

from qmtwist.control import schema
from qmtwist.wire.outgoing import Capabilities, Ended, Lost, Ready, Tls, Transaction, Wait
from qmtwist.wire.session import NEED_DATA
from tests.support.outgoing import Letter, Sender
from tests.support.smtp_client import EHLO, MAIL, OFFERS, PLAIN, RCPT, client, greeted, letter, reports


def test_without_pipelining_each_command_waits_for_its_answer() -> None:
    sender = Sender(client(), [letter(b"u", b"v")])
    assert sender.receive(b"220 hi\r\n") == EHLO
    assert sender.receive(PLAIN) == MAIL
    assert sender.receive(b"250 ok\r\n") == RCPT % b"u"
    assert sender.receive(b"250 ok\r\n") == RCPT % b"v"
    assert sender.receive(b"250 ok\r\n") == b"DATA\r\n"
    assert sender.receive(b"354 go\r\n") == b"hi\r\n.\r\n"
    assert sender.receive(b"250 kept\r\n") == b"QUIT\r\n"
    assert reports(sender) == [b"r\0r\0K192.0.2.1 accepted message.\nRemote host said: 250 kept\n\0"]


def test_with_pipelining_the_envelope_is_one_write_and_the_message_another() -> None:
    sender = Sender(client(), [letter(b"u", b"v"), letter()])
    sender.receive(b"220 hi\r\n")
    assert sender.receive(OFFERS) == b"MAIL FROM:<a@example.com> SIZE=4\r\n" + RCPT % b"u" + RCPT % b"v" + b"DATA\r\n"
    assert sender.receive(b"250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n") == b"hi\r\n.\r\n"
    assert sender.receive(b"250 kept\r\n").startswith(b"MAIL FROM:<a@example.com> SIZE=4\r\nRCPT TO:<u@")


def test_eight_bits_are_announced_where_that_is_offered_and_sent_anyway() -> None:
    message = "é\n".encode()
    offered, plain = greeted(OFFERS, letter(message=message)), greeted(PLAIN, letter(message=message))
    assert b" SIZE=4 BODY=8BITMIME\r\n" in offered.wrote
    plain.receive(b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"250 ok\r\n")
    assert plain.bodies == ["é\r\n.\r\n".encode()]


def test_a_message_above_the_announced_limit_is_not_sent() -> None:
    at_limit = greeted(b"250-x\r\n250 SIZE 4\r\n", letter())
    above = greeted(b"250-x\r\n250 SIZE 3\r\n", letter())
    assert b"MAIL" in at_limit.wrote
    assert above.wrote == EHLO + b"QUIT\r\n"
    text = b"192.0.2.1 takes messages of at most 3 bytes, and this one has 4. (#5.3.4)\n"
    assert reports(above) == [b"D" + text + b"\0"]
    assert [outcome.verdict.value for outcome in above.results[0].outcomes(1)] == [b"D"]


@pytest.mark.parametrize(
    ("reply", "capabilities"),
    [
        (b"250 mx\r\n", Capabilities()),
        (b"250-mx\r\n250-size\r\n250 pipelining\r\n", Capabilities(has_size=True, has_pipelining=True)),
        (b"250-mx\n250-SIZE 7\n250 STARTTLS\n", Capabilities(True, 7, has_starttls=True)),
        (b"250-mx\r\n250-SIZE=7\r\n250-\r\n250 8BITMIME  x\r\n", Capabilities(True, 7, has_eight_bit=True)),
        (b"250-mx\r\n250-SIZE 99999999999999999999999\r\n250 SIZE 5\r\n", Capabilities(True, 0)),
        (b"250-mx\r\n250-SIZE -1\r\n250 XSIZE 5\r\n", Capabilities(True, 0)),
        (b"250-PIPELINING\r\n250 x\r\n", Capabilities()),  # the first line is a greeting
    ],
)
def test_what_is_offered_is_read_tolerantly(reply: bytes, capabilities: Capabilities) -> None:
    session = client(Tls.NONE)
    session.receive(b"220 hi\r\n")
    assert session.next_event() is NEED_DATA
    session.receive(reply)
    assert session.next_event() == Ready(capabilities)


def test_helo_is_said_where_ehlo_is_not_known() -> None:
    sender = Sender(client(), [letter()])
    sender.receive(b"220 hi\r\n")
    assert sender.receive(b"502 unimplemented\r\n") == b"HELO mail.example.org\r\n"
    assert sender.receive(b"250 mx\r\n") == MAIL


@pytest.mark.parametrize("reply", [b"421 bye\r\n", b"450 later\r\n", b"251 fine\r\n", b"hello\r\n"])
def test_helo_is_no_second_try_after_another_answer(reply: bytes) -> None:
    sender = greeted(reply, letter())
    assert sender.wrote == EHLO + b"QUIT\r\n"
    text = b"ZConnected to 192.0.2.1 but my name was rejected.\nRemote host said: " + reply.replace(b"\r", b"")
    assert reports(sender) == [text + b"\0"]
    assert sender.lost == Lost(sender.results[0], True)


def test_a_refused_recipient_leaves_the_others_alone() -> None:
    sender = greeted(OFFERS, letter(b"a", b"b", b"c"))
    sender.receive(b"250 ok\r\n550 no\r\n250 ok\r\n450 later\r\n354 go\r\n", b"250 kept\r\n")
    first, second, third = sender.results[0].outcomes(3)
    said = b"192.0.2.1 does not like recipient.\nRemote host said: "
    assert (first.verdict.value, first.text) == (b"D", said + b"550 no\n")
    assert (second.verdict.value, second.text) == (b"K", b"192.0.2.1 accepted message.\nRemote host said: 250 kept\n")
    assert (third.verdict.value, third.text) == (b"Z", said + b"450 later\n")


@pytest.mark.parametrize(
    ("answers", "report"),
    [
        (b"550 bad\r\n503 x\r\n", b"DConnected to 192.0.2.1 but sender was rejected.\nRemote host said: 550 bad\n\0"),
        (
            b"250 ok\r\n550 no\r\n",
            b"h192.0.2.1 does not like recipient.\nRemote host said: 550 no\n\0DGiving up on 192.0.2.1.\n\0",
        ),
    ],
)
def test_data_that_was_sent_ahead_for_nobody_and_refused_leaves_the_connection_to_others(
    answers: bytes, report: bytes
) -> None:
    sender = greeted(OFFERS, letter(), letter())
    assert sender.receive(answers + b"503 RCPT first\r\n").endswith(b"DATA\r\n")
    assert (reports(sender), sender.lost) == ([report], None)


@pytest.mark.parametrize(
    ("answers", "report"),
    [
        (b"550 bad\r\n503 x\r\n", b"DConnected to 192.0.2.1 but sender was rejected.\nRemote host said: 550 bad\n\0"),
        (b"450 bad\r\n250 ok\r\n", b"ZConnected to 192.0.2.1 but sender was rejected.\nRemote host said: 450 bad\n\0"),
        (
            b"250 ok\r\n450 no\r\n",
            b"s192.0.2.1 does not like recipient.\nRemote host said: 450 no\n\0DGiving up on 192.0.2.1.\n\0",
        ),
    ],
)
@pytest.mark.parametrize("rest", [b"", b"250 kept\r\n"])
def test_who_wants_a_message_for_nobody_gets_not_even_an_empty_one(answers: bytes, report: bytes, rest: bytes) -> None:
    sender = greeted(OFFERS, letter(), letter())
    assert sender.receive(answers + b"354 go\r\n" + rest) == b""
    assert (reports(sender), sender.bodies) == ([report], [])
    assert sender.lost == Lost(sender.results[0], False)


@pytest.mark.parametrize("hello", [PLAIN, OFFERS])
def test_after_a_refused_transaction_the_next_begins_with_rset(hello: bytes) -> None:
    sender = greeted(hello, letter(), letter())
    sender.receive(b"250 ok\r\n", b"550 no\r\n", b"")
    if hello is OFFERS:
        assert sender.receive(b"503 RCPT first\r\n").startswith(b"RSET\r\nMAIL FROM:<a@example.com> SIZE=4\r\n")
        sender.receive(b"250 flushed\r\n250 ok\r\n250 ok\r\n354 go\r\n")
    else:
        assert sender.wrote.endswith(b"RSET\r\n")
        assert sender.receive(b"250 flushed\r\n") == MAIL
        sender.receive(b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n")
    sender.receive(b"250 kept\r\n")
    assert [result.letter for result in sender.results] == [b"D", b"K"]


def test_after_an_accepted_message_the_next_needs_no_rset() -> None:
    sender = greeted(PLAIN, letter(), letter())
    sender.receive(b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n")
    assert sender.receive(b"250 kept\r\n") == MAIL


def test_a_refused_rset_ends_the_connection() -> None:
    sender = greeted(PLAIN, letter(), letter())
    sender.receive(b"250 ok\r\n", b"550 no\r\n")
    sender.receive(b"503 no\r\n")
    assert sender.lost is not None and sender.lost.may_try_next_host
    assert reports(sender)[1] == b"ZConnected to 192.0.2.1 but RSET failed.\nRemote host said: 503 no\n\0"


@pytest.mark.parametrize("count", [99, 100, 101, 250])
def test_many_recipients_are_sent_in_groups(count: int) -> None:
    names = [b"u%d" % at for at in range(count)]
    sender = Sender(client(), [letter(*names)])
    sender.receive(b"220 hi\r\n")
    written = [sender.receive(OFFERS)]
    answered = 0
    while b"DATA" not in written[-1]:
        group = written[-1].count(b"RCPT")
        answered += group
        mail = b"250 ok\r\n" if answered == group else b""
        written.append(sender.receive(mail + b"250 ok\r\n" * group))
    assert max(text.count(b"RCPT") for text in written) <= 100
    assert b"".join(written).count(b"RCPT") == count
    rest = written[-1].count(b"RCPT")
    mail = b"250 ok\r\n" if len(written) == 1 else b""
    sender.receive(mail + b"250 ok\r\n" * rest + b"354 go\r\n", b"250 kept\r\n")
    assert sender.results[0].records().startswith(b"r\0" * count + b"K")


# -- addresses


@pytest.mark.parametrize("bad", [b"a\r\nDATA", b"a\nb", b"a\0b", b"a\tb", b"a\x7fb"])
def test_an_address_with_a_control_character_is_never_sent(bad: bytes) -> None:
    recipient = greeted(OFFERS, letter(b"u", bad, b"v"))
    recipient.receive(b"250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 kept\r\n"[:-10], b"250 kept\r\n")
    assert bad not in recipient.wrote
    assert [letter for letter, _ in recipient.results[0].recipients] == [b"r", b"h", b"r"]
    assert b"#5.1.3" in recipient.results[0].recipients[1][1]
    sender = greeted(OFFERS, letter(sender=bad + b"@example.com"))
    assert sender.wrote == EHLO + b"QUIT\r\n"
    assert (sender.results[0].letter, sender.results[0].text[-10:]) == (b"D", b" (#5.1.7)\n")


def test_only_bad_recipients_send_nothing() -> None:
    sender = greeted(OFFERS, letter(b"\n", b"\r"))
    assert sender.wrote == EHLO + b"QUIT\r\n"
    assert [outcome.verdict.value for outcome in sender.results[0].outcomes(2)] == [b"D", b"D"]


def test_a_bad_recipient_behind_those_that_were_answered_waits_for_its_turn() -> None:
    sender = greeted(OFFERS, letter(b"u", b"v", b"\n"))
    sender.receive(b"250 ok\r\n250 ok\r\n")
    sender.eof()
    assert sender.results[0].recipients == ((b"r", b""),)


@pytest.mark.parametrize("bad", [b"u@far.example> SIZE=1", b"u@far example", b"u> NOTIFY=NEVER"])
def test_an_address_cannot_bring_parameters(bad: bytes) -> None:
    sender = greeted(OFFERS, Letter(b"", [bad], b"hi\n"))
    assert b"RCPT" not in sender.wrote and sender.results[0].letter == b"D"


# -- what is waited for


def test_each_reply_and_each_block_is_a_turn_of_its_own() -> None:
    session = client()
    waits, turns = [session.wait], [session.turn]

    def hear(reply: bytes) -> None:
        session.receive(reply[:2])
        assert session.next_event() is NEED_DATA and session.turn == turns[-1]  # a part of a reply wins no time
        session.receive(reply[2:])
        event = session.next_event()
        if isinstance(event, Ready):
            session.begin(Transaction(b"", (b"u@far.example",), 3, False))
        waits.append(session.wait)
        turns.append(session.turn)

    for reply in (b"220 hi\r\n", PLAIN, b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
        hear(reply)
    session.body(b"hi\n")
    turns.append(session.turn)
    session.end_body()
    waits.append(session.wait)
    turns.append(session.turn)
    hear(b"250 kept\r\n")
    assert waits == [
        Wait.GREETING, Wait.HELLO, Wait.MAIL, Wait.RCPT, Wait.DATA, Wait.BLOCK, Wait.FINAL, Wait.NOTHING,
    ]  # fmt: skip
    assert turns == sorted(set(turns))


def test_the_usual_time_for_a_reply_is_what_the_standard_asks_for() -> None:
    usual_s = int(schema.ROWS["timeoutremote"].default or 0)
    assert all(least_s <= usual_s for _, least_s in (wait.value for wait in Wait))


def test_a_large_message_leaves_in_blocks_and_a_small_one_with_its_end() -> None:
    session = client()
    for reply in (b"220 hi\r\n", PLAIN, b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
        session.receive(reply)
        if isinstance(session.next_event(), Ready):
            session.begin(Transaction(b"", (b"u@far.example",), 60_000, False))
        session.take_output()
    session.body(b"x" * 29_999 + b"\n")
    assert session.take_output() == b""
    session.body(b"x" * 29_999 + b"\n")
    assert len(session.take_output()) == 60_002
    session.body(b"y\n")
    assert session.take_output() == b""
    session.end_body()
    assert session.take_output() == b"y\r\n.\r\n"


def test_a_session_that_was_quit_hears_nothing_more() -> None:
    sender = greeted(PLAIN)
    assert sender.wrote == EHLO + b"QUIT\r\n"
    sender.receive(b"221 bye\r\n")
    sender.eof()
    assert sender.lost is None and sender.results == []


def test_the_end_of_an_idle_connection_is_no_news() -> None:
    for end in (b"421 idle\r\n", b"", None):
        sender = Sender(client(), [letter()], is_polite=False)
        sender.receive(b"220 hi\r\n", PLAIN, b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"250 kept\r\n")
        if end:
            sender.receive(end)
        elif end is None:
            sender.timed_out()
        else:
            sender.eof()
        assert sender.lost == Lost(None, True)
        assert [result.letter for result in sender.results] == [b"K"]


def test_a_connection_that_says_something_unasked_begins_no_transaction() -> None:
    session = client()
    session.receive(b"220 hi\r\n")
    session.next_event()
    session.receive(PLAIN + b"250 one more\r\n")
    assert isinstance(session.next_event(), Ready)
    session.begin(Transaction(b"", (b"u@far.example",), 3, False))
    lost = session.next_event()
    assert isinstance(lost, Lost) and lost.result is not None and lost.may_try_next_host
    assert lost.result.text == b"Connected to 192.0.2.1 but it spoke out of turn. (#4.5.0)\n"
    assert b"MAIL" not in session.take_output()


def test_an_end_that_comes_with_the_last_answer_takes_nothing_back() -> None:
    session = client()
    session.receive(b"220 hi\r\n" + PLAIN)
    assert isinstance(session.next_event(), Ready)
    session.begin(Transaction(b"a\n", (b"u@far.example",), 3, False))
    session.eof()
    ended = session.next_event()
    assert isinstance(ended, Ended) and not ended.is_reusable
