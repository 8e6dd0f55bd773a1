"""wire/smtp/server.py: one conversation, whatever the client says and however it arrives."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmtwist.mail.envelope import Envelope
from qmtwist.wire.session import NEED_ANSWER, NEED_DATA
from qmtwist.wire.smtp import reply as replies
from qmtwist.wire.smtp.events import Closed, MessageEnded, MessageOffered, RecipientOffered, Refused, SenderOffered
from qmtwist.wire.smtp.reply import Reply
from tests.support.cuts import cuts
from tests.support.smtp_pump import LIMITS, Player, one_by_one

MAIL = b"MAIL FROM:<a@example.com>\r\n"
RCPT = b"RCPT TO:<u@example.org>\r\n"
OPENING = MAIL + RCPT + b"DATA\r\n"
BODY = b"Subject: hello\r\n\r\nbody\r\n.\r\n"


def relay_only_to_us(address: bytes) -> Reply | None:
    return None if address.endswith(b"@example.org") else replies.NO_RELAY


# -- the dialogue


def test_after_helo_the_texts_are_qmails() -> None:
    player = Player()
    assert player.said == b"220 mail.example.org ESMTP\r\n"
    assert player.send(b"helo dude\r\n") == b"250 mail.example.org\r\n"
    assert player.send(b"mail <me@domain>\r\n") == b"250 ok\r\n"
    assert player.send(b"rcpt <me@domain>\r\n") == b"250 ok\r\n"
    assert player.send(b"data\r\n") == b"354 go ahead\r\n"
    assert player.send(b"Subject: testing\r\n\r\nx\r\n.\r\n") == b"250 ok 1795238029 qp 7\r\n"
    assert player.send(b"quit\r\n") == b"221 mail.example.org\r\n"
    assert player.reason == b"quit"
    assert player.messages == [(Envelope(b"me@domain", (b"me@domain",)), b"Subject: testing\n\nx\n")]


def test_after_ehlo_every_reply_but_354_has_a_status_in_front() -> None:
    player = Player(LIMITS._replace(databytes=5000))
    assert player.send(b"EHLO client\r\n") == (
        b"250-mail.example.org\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 5000\r\n250 ENHANCEDSTATUSCODES\r\n"
    )
    assert player.send(OPENING) == b"250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go ahead\r\n"
    assert player.send(BODY) == b"250 2.0.0 ok 1795238029 qp 7\r\n"
    assert player.send(b"RSET\r\nRCPT\r\nHELO x\r\nRCPT\r\n") == (
        b"250 2.0.0 flushed\r\n503 5.5.1 MAIL first (#5.5.1)\r\n250 mail.example.org\r\n503 MAIL first (#5.5.1)\r\n"
    )


def test_the_small_commands() -> None:
    player = Player()
    assert player.send(b"HELP me\r\n") == b"214 notqmail home page: https://notqmail.org\r\n"
    assert player.send(b"NOOP x y\r\n") == b"250 ok\r\n"
    assert player.send(b"VRFY postmaster\r\n") == b"252 send some mail, i'll try my best\r\n"
    for unknown in (b"EXPN x", b"AUTH", b"AUTH LOGIN", b"STARTTLS", b"", b" ", b" NOOP", b"NOOP\tx", b"\xe9\xff x"):
        assert player.send(unknown + b"\r\n") == b"502 unimplemented (#5.5.1)\r\n"


def test_what_is_out_of_order_is_503_and_helo_ehlo_and_rset_forget_mail() -> None:
    player = Player()
    assert player.codes(RCPT, b"DATA\r\n", MAIL, b"DATA\r\n", RCPT) == [503, 503, 250, 503, 250]
    for command in (b"RSET\r\n", b"HELO x\r\n", b"EHLO x\r\n"):
        assert player.codes(MAIL, RCPT, command, RCPT, b"DATA\r\n") == [250, 250, 250, 503, 503]


def test_a_second_mail_begins_anew() -> None:
    player = Player()
    player.send(MAIL, RCPT, b"MAIL FROM:<b@c>\r\n", b"RCPT TO:<v@example.org>\r\n", b"DATA\r\n", BODY)
    assert [envelope for envelope, _ in player.messages] == [Envelope(b"b@c", (b"v@example.org",))]
    assert player.codes(RCPT, b"DATA\r\n") == [503, 503]


def test_a_refused_recipient_leaves_the_others_alone() -> None:
    player = Player(refuse=relay_only_to_us)
    stream = MAIL + RCPT + b"RCPT TO:<x@far.example>\r\nRCPT TO:<v@example.org>\r\nDATA\r\n"
    assert player.codes(stream) == [250, 250, 553, 250, 354]
    player.send(BODY)
    assert player.messages[0][0].recipients == (b"u@example.org", b"v@example.org")
    assert [refused.about for refused in player.refusals] == [b"<x@far.example>"]


def test_with_no_recipient_left_data_is_refused_and_the_rest_are_commands() -> None:
    player = Player(refuse=relay_only_to_us)
    assert player.codes(MAIL + b"RCPT TO:<x@far.example>\r\nDATA\r\nQUIT\r\n") == [250, 553, 503, 221]


def test_commands_may_end_in_a_bare_lf_and_come_in_pieces() -> None:
    player = Player()
    assert player.codes(b"HELO x\nMAIL FROM:<a@b>\nRC", b"PT TO:<u@example.org>\r", b"\nDATA\n") == [250, 250, 250, 354]


def test_a_nul_ends_a_command_but_no_recipient() -> None:
    player = Player()
    assert player.codes(b"NOOP\0x\r\n", b"NO\0OP\r\n", b"MAIL FROM:<a\0b@c>\r\n") == [250, 502, 250]
    assert player.codes(b"RCPT TO:<u@example.org\0@evil.example>\r\n") == [555]


# -- parameters


def test_after_ehlo_parameters_are_read() -> None:
    player = Player(LIMITS._replace(databytes=1000))
    player.send(b"EHLO x\r\n")
    assert player.codes(b"MAIL FROM:<a@b> SIZE=1000 BODY=8BITMIME\r\n") == [250]
    assert player.codes(b"MAIL FROM:<a@b> SIZE=1001\r\n") == [552]
    assert player.codes(b"MAIL FROM:<a@b> FOO=BAR\r\n") == [555]
    assert player.codes(b"MAIL FROM:<a@b> SIZE=many\r\n") == [501]
    assert player.codes(b"RCPT TO:<u@example.org> NOTIFY=NEVER\r\n", b"RCPT TO:<u@example.org> \r\n") == [555, 250]


def test_after_helo_parameters_are_ignored_as_qmail_does() -> None:
    player = Player(LIMITS._replace(databytes=10))
    player.send(b"HELO x\r\n")
    assert player.codes(b"MAIL FROM:<a@b> SIZE=1001 FOO=BAR garbage\r\n") == [250]
    assert player.codes(b"RCPT TO:<u@example.org> NOTIFY=NEVER\r\n") == [250]


# -- the message


@pytest.mark.parametrize("sequence", [b"\n.\n", b"\n.\r\n", b"a\nb", b"\r\n.\n"])
def test_a_bare_lf_ends_the_session_and_what_follows_is_no_command(sequence: bytes) -> None:
    for cut in (lambda data: [data], one_by_one):
        player = Player()
        player.send(OPENING)
        said = player.send(*cut(b"Subject: x\r\n\r\nx" + sequence + OPENING + BODY + b"QUIT\r\n"))
        assert said == b"451 See https://cr.yp.to/docs/smtplf.html.\r\n"
        assert player.messages == [] and player.reason == b"bare line feed"


@pytest.mark.parametrize("sequence", [b"\r.\r", b"\r.\r\n", b"a\rb", b"\r\r\n", b"\r\n.\r\r\n"])
def test_a_bare_cr_is_refused_at_the_end_and_the_session_goes_on(sequence: bytes) -> None:
    for cut in (lambda data: [data], one_by_one):
        player = Player()
        player.send(OPENING)
        assert player.codes(*cut(b"x" + sequence + b"y\r\n.\r\nNOOP\r\n" + OPENING + BODY)) == [
            554, 250, 250, 250, 354, 250,
        ]  # fmt: skip
        assert [message for _, message in player.messages] == [b"Subject: hello\n\nbody\n"]


@pytest.mark.parametrize("hops", [99, 100, 101])
def test_a_hundred_hops_are_a_loop(hops: int) -> None:
    player = Player()
    player.send(OPENING)
    assert player.codes(b"Received: x\r\n" * hops + b"\r\nx\r\n.\r\n") == [250 if hops < 100 else 554]


@pytest.mark.parametrize("size", [49, 50, 51])
def test_databytes_is_the_size_as_stored(size: int) -> None:
    for cut in (lambda data: [data], one_by_one):
        player = Player(LIMITS._replace(databytes=50))
        player.send(OPENING)
        assert player.codes(*cut(b"x" * (size - 1) + b"\r\n.\r\n")) == [250 if size <= 50 else 552]
        assert player.codes(OPENING, b".\r\n") == [250, 250, 354, 250]


def test_a_loop_is_said_before_the_size_however_the_message_arrives() -> None:
    for cut in (lambda data: [data], one_by_one):
        player = Player(LIMITS._replace(databytes=50))
        player.send(OPENING)
        assert player.codes(*cut(b"Received: x\r\n" * 100 + b"\r\n.\r\n")) == [554]


def test_the_end_of_the_connection_in_a_message_stores_nothing() -> None:
    player = Player()
    player.send(OPENING, b"Subject: x\r\n\r\npart")
    player.session.eof()
    player.run()
    assert player.messages == []
    assert player.reason == b"the client closed the connection in the middle of a message"


def test_a_queue_that_refuses_at_data_or_at_the_end_spoils_only_that_message() -> None:
    session = Player().session
    session.receive(OPENING)
    assert isinstance(session.next_event(), SenderOffered)
    session.accept(b"a@example.com")
    assert isinstance(session.next_event(), RecipientOffered)
    session.accept(b"u@example.org")
    assert isinstance(session.next_event(), MessageOffered)
    session.refuse(replies.foreign(452, b"disk full (#4.3.1)"))
    assert session.take_output().endswith(b"452 disk full (#4.3.1)\r\n")
    assert isinstance(session.next_event(), Refused)
    session.receive(b"DATA\r\n" + BODY)
    assert isinstance(session.next_event(), MessageOffered)
    session.go_ahead()
    assert isinstance(session.next_event(), MessageEnded)
    session.refuse(replies.foreign(451, b"qq trouble (#4.3.0)"))
    assert session.take_output() == b"354 go ahead\r\n451 qq trouble (#4.3.0)\r\n"


# -- order


def test_pipelined_commands_wait_while_a_question_is_open() -> None:
    session = Player().session
    session.receive(MAIL + b"NOOP\r\n" + RCPT)
    assert isinstance(session.next_event(), SenderOffered)
    assert session.next_event() is NEED_ANSWER
    session.receive(b"QUIT\r\n")
    assert session.next_event() is NEED_ANSWER
    assert session.take_output() == b""
    session.accept(b"a@example.com")
    assert isinstance(session.next_event(), RecipientOffered)
    session.refuse(replies.NO_MAILBOX)
    assert isinstance(session.next_event(), Refused)
    assert session.next_event() == Closed(b"quit")
    assert session.next_event() is NEED_DATA
    codes = [line[:3] for line in session.take_output().splitlines()]
    assert codes == [b"250", b"250", b"550", b"221"]


def test_two_messages_in_one_read_are_two_messages() -> None:
    player = Player()
    assert player.codes(b"HELO c\r\n" + OPENING + BODY + OPENING + b".\r\nQUIT\r\nNOOP\r\n") == [
        250, 250, 250, 354, 250, 250, 250, 354, 250, 221,
    ]  # fmt: skip
    assert [message for _, message in player.messages] == [b"Subject: hello\n\nbody\n", b""]


SESSIONS = [
    b"EHLO c\r\n" + OPENING + BODY + b"NOOP\r\nFOO\r\n" + OPENING + b"..\r\n.\r\nQUIT\r\n",
    b"HELO c\r\n" + MAIL + b"RCPT TO:<x@far.example>\r\nDATA\r\n" + RCPT + b"DATA\r\na\rb\r\n.\r\nRSET\r\nQUIT\r\n",
    b"N" * 1500 + b"\r\n" + OPENING + b"x\r\n.\r\nMAIL FROM:<%s@b>\r\nQUIT\r\n" % (b"a" * 898),
    OPENING + b"x\ny\r\n.\r\nQUIT\r\n",
    b"NOOP\0x\r\nRCPT\0\r\n" + OPENING + b"Received: x\r\n" * 100 + b".\r\n",
]


@pytest.mark.parametrize("stream", SESSIONS)
def test_a_session_cut_at_any_byte_is_the_same_session(stream: bytes) -> None:
    whole = Player(refuse=relay_only_to_us)
    whole.send(stream)
    for at in range(1, len(stream)):
        player = Player(refuse=relay_only_to_us)
        player.send(stream[:at], stream[at:])
        assert (player.said, player.messages, player.reason) == (whole.said, whole.messages, whole.reason), at
    player = Player(refuse=relay_only_to_us)
    player.send(*one_by_one(stream))
    assert (player.said, player.messages, player.reason) == (whole.said, whole.messages, whole.reason)


words = st.one_of(
    st.sampled_from([MAIL, RCPT, b"DATA\r\n", BODY, b".\r\n", b"RSET\r\n", b"EHLO x\r\n", b"\r\n", b"\n", b"\r", b"\0",
                     b"MAIL FROM:<", b'"', b"x" * 600, b"QUIT", b"RCPT TO:<@>\r\n"]),
    st.binary(max_size=12),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(words, max_size=25), st.data())
def test_no_bytes_upset_a_session_and_cuts_never_matter(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts)
    whole, cut = Player(), Player()
    whole.send(stream)
    cut.send(*data.draw(cuts(stream)))
    assert (cut.said, cut.messages, cut.reason) == (whole.said, whole.messages, whole.reason)


# -- limits


@pytest.mark.parametrize("length", [999, 1000, 1001])
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_a_command_line_may_have_a_thousand_bytes(length: int, end: bytes) -> None:
    for cut in (lambda data: [data], one_by_one):
        player = Player()
        line = b"NOOP " + b"x" * (length - 5)
        assert player.codes(*cut(line + end + b"NOOP\r\n")) == [250 if length <= 1000 else 500, 250]


def test_an_endless_command_line_is_not_kept() -> None:
    player = Player()
    for _ in range(100):
        player.send(b"x" * 10000)
        assert len(player.session._buffer) <= 10000
    assert not player.session.has_input
    assert player.codes(b"\r\nNOOP\r\n") == [500, 250]


def test_an_idle_session_keeps_nothing_of_what_was_read() -> None:
    player = Player(LIMITS._replace(max_recipients=10000))
    player.send(MAIL + RCPT * 2000 + b"NO")
    assert player.session._buffer == b"NO"


@pytest.mark.parametrize("count", [99, 100, 101])
def test_recipients_beyond_the_limit_are_452_and_the_others_stay(count: int) -> None:
    player = Player()
    player.send(MAIL)
    assert player.codes(RCPT * count) == [250] * min(count, 100) + [452] * max(0, count - 100)
    player.send(b"DATA\r\n", BODY)
    assert len(player.messages[0][0].recipients) == min(count, 100)


@pytest.mark.parametrize("count", [19, 20, 21])
def test_the_error_after_the_twentieth_ends_the_session(count: int) -> None:
    player = Player()
    codes = player.codes(b"FOO\r\n" * count + b"NOOP\r\n")
    if count <= 20:
        assert codes == [502] * count + [250] and player.reason is None
    else:
        assert codes == [502] * 20 + [421] and player.reason == b"too many errors"
        assert len(player.refusals) == 21


def test_refused_recipients_are_errors_too() -> None:
    player = Player(refuse=relay_only_to_us)
    player.send(MAIL)
    assert player.codes(b"RCPT TO:<x@far.example>\r\n" * 30) == [553] * 20 + [421]


@pytest.mark.parametrize("count", [99, 100, 101])
@pytest.mark.parametrize("command", [b"NOOP", b"RSET", b"VRFY x", b"HELP", b"EHLO x", b"HELO x"])
def test_commands_without_mail_are_limited(count: int, command: bytes) -> None:
    player = Player()
    player.send((command + b"\r\n") * count)
    assert (player.reason is not None) is (count > 100)
    assert (b"421 " in player.said) is (count > 100)


def test_a_message_sets_the_count_of_idle_commands_back_and_mail_after_mail_counts() -> None:
    player = Player()
    player.send(b"NOOP\r\n" * 100, OPENING, BODY, b"NOOP\r\n" * 100)
    assert player.reason is None
    player = Player()
    player.send(MAIL * 102)
    assert player.reason == b"too many commands without mail"


def test_errors_after_the_fifth_are_answered_ever_more_slowly() -> None:
    player = Player(is_slowing=True)
    player.send(b"FOO\r\n" * 8 + b"NOOP\r\n")
    assert player.delays == [0, 0, 0, 0, 0, 1, 2, 3]
    assert player.said.endswith(b"502 unimplemented (#5.5.1)\r\n250 ok\r\n")


def test_a_delayed_reply_holds_up_what_follows_but_not_what_came_before() -> None:
    player = Player()
    session = Player(is_slowing=True).session
    session.receive(b"FOO\r\n" * 6 + b"NOOP\r\n")
    while session.next_event() is not NEED_ANSWER:
        pass
    assert session.take_output().count(b"502") == 5
    assert session.next_event() is NEED_ANSWER
    session.resume()
    assert session.next_event() is NEED_DATA
    assert session.take_output() == b"502 unimplemented (#5.5.1)\r\n250 ok\r\n"
    player.session.resume()  # without a delay it means nothing
    assert player.codes(b"NOOP\r\n") == [250]


def test_an_aborted_session_says_why_and_hears_nothing_more() -> None:
    player = Player()
    player.send(OPENING, b"part")
    player.session.abort(replies.TIMEOUT, b"timeout")
    player.session.abort(replies.INTERNAL, b"again")
    player.run()
    assert player.said.endswith(b"354 go ahead\r\n451 timeout (#4.4.2)\r\n")
    assert player.reason == b"timeout"
    assert player.send(b"\r\n.\r\nQUIT\r\n") == b""
