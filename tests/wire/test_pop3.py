from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.wire.pop3 import CAPABILITIES, OK, Quit, Retrieve, Transaction, unique_id
from qmtwist.wire.pop3_command import CommandReader, leading_number
from qmtwist.wire.pop3_message import MessageEncoder
from qmtwist.wire.pop3_phase import Flush, Hangup
from qmtwist.wire.session import NEED_ANSWER, NEED_DATA

MESSAGES = [b"Subject: one\n\nline1\nline2\n", b"Subject: two\n\n.dot\n", b"no end"]
NAMES = [b"1000.1.host", b"1001.2.host", b"0999.3.host"]


def session(is_classic: bool = False, limit_bytes: int = 1000) -> Transaction:
    return Transaction(CommandReader(limit_bytes), [len(m) for m in MESSAGES], NAMES, is_classic)


def play(core: Transaction, pieces: list[bytes], failures: int = 0) -> bytes:
    """Everything the client would read, with a mailbox that holds MESSAGES."""
    out = b""
    for piece in pieces:
        core.receive(piece)
        while True:
            event = core.next_event()
            out += core.take_output()
            if isinstance(event, Retrieve):
                encoder = core.encoder(event)
                out += OK + encoder.encode(MESSAGES[event.position]) + encoder.finish()
                core.retrieved()
            elif isinstance(event, Quit):
                core.left(failures)
            elif not isinstance(event, Flush):
                break
        if isinstance(event, Hangup):
            break
    return out


def ask(line: bytes, is_classic: bool = False) -> bytes:
    return play(session(is_classic), [line + b"\r\n"])


SCRIPT = (
    b"STAT\r\nLIST\r\nlist 2\r\nUIDL\r\nUIDL 3\r\nDELE 1\r\nDELE 1\r\nSTAT\r\nLAST\r\nRETR 2\r\nTOP 3 0\r\nRSET\n"
    b"NOOP x\r\nFOO\r\n\r\n LIST\r\nRETR\r\nRETR 0\r\nRETR 4\r\nRETR -1\r\nCAPA\r\nDELE 2\r\nQUIT\r\nSTAT\r\n"
)


@pytest.mark.parametrize("is_classic", [True, False])
def test_where_the_commands_are_cut_never_matters(is_classic: bool) -> None:
    whole = play(session(is_classic), [SCRIPT])
    for at in range(len(SCRIPT)):
        assert play(session(is_classic), [SCRIPT[:at], SCRIPT[at:]]) == whole
    assert play(session(is_classic), [SCRIPT[at : at + 1] for at in range(len(SCRIPT))]) == whole


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"STAT", b"+OK 3 51\r\n"),
        (b"LIST", b"+OK \r\n1 26\r\n2 19\r\n3 6\r\n.\r\n"),
        (b"list  2", b"+OK 2 19\r\n"),
        (b"UIDL 3", b"+OK 3 0999.3.host\r\n"),
        (b"LAST", b"+OK 0\r\n"),
        (b"NOOP x", b"+OK \r\n"),
        (b"RSET", b"+OK \r\n"),
        (b" NOOP", b"-ERR unimplemented\r\n"),
        (b"USER joe", b"-ERR unimplemented\r\n"),
        (b"RETR", b"-ERR syntax error\r\n"),
        (b"RETR +1", b"-ERR syntax error\r\n"),
        (b"DELE 0", b"-ERR messages are counted from 1\r\n"),
        (b"TOP 4 1", b"-ERR not that many messages\r\n"),
        (b"LIST 1x", b"+OK 1 26\r\n"),
    ],
)
def test_answers_that_both_manners_share(line: bytes, answer: bytes) -> None:
    assert ask(line) == answer
    assert ask(line, is_classic=True) == answer


def test_qmails_stat_counts_deleted_messages_and_the_mended_one_does_not() -> None:
    script = [b"DELE 1\r\nSTAT\r\n"]
    assert play(session(is_classic=True), script).endswith(b"+OK 3 25\r\n")
    assert play(session(), script).endswith(b"+OK 2 25\r\n")


def test_qmail_adds_a_blank_line_and_the_mended_manner_does_not() -> None:
    assert ask(b"RETR 2") == b"+OK \r\nSubject: two\r\n\r\n..dot\r\n.\r\n"
    assert ask(b"RETR 2", is_classic=True) == b"+OK \r\nSubject: two\r\n\r\n..dot\r\n\r\n.\r\n"


def test_capa_is_answered_in_the_mended_manner_only() -> None:
    assert ask(b"CAPA") == CAPABILITIES
    assert ask(b"CAPA", is_classic=True) == b"-ERR unimplemented\r\n"


def test_numbers_wrap_as_qmails_do_in_qmails_manner_only() -> None:
    line = b"LIST 18446744073709551617"
    assert ask(line, is_classic=True) == b"+OK 1 26\r\n"
    assert ask(line) == b"-ERR not that many messages\r\n"


def test_a_number_of_many_digits_costs_no_more_than_its_length() -> None:
    digits = b"9" * 60_000
    number, rest = leading_number(digits)
    assert (number, rest) == ((pow(10, 60_000, 1 << 64) - 1) % (1 << 64), b"")


def test_deleted_messages_are_gone_for_the_session_until_rset() -> None:
    out = play(session(), [b"DELE 2\r\nRETR 2\r\nTOP 2 1\r\nLIST 2\r\nUIDL 2\r\nDELE 2\r\nUIDL\r\nLAST\r\n"])
    assert out == OK + b"-ERR already deleted\r\n" * 5 + OK + b"1 1000.1.host\r\n3 0999.3.host\r\n.\r\n+OK 2\r\n"
    core = session()
    assert play(core, [b"DELE 2\r\nRSET\r\nLIST 2\r\nLAST\r\n"]) == OK + OK + b"+OK 2 19\r\n+OK 0\r\n"
    core.receive(b"QUIT\r\n")
    assert core.next_event() == Quit(())


def test_quit_names_what_is_to_be_deleted_and_nothing_is_obeyed_after_it() -> None:
    core = session()
    core.receive(b"DELE 3\r\nDELE 1\r\nQUIT\r\nNOOP\r\n")
    assert core.next_event() == Quit((0, 2))
    assert core.next_event() is NEED_ANSWER
    core.left(0)
    assert isinstance(core.next_event(), Hangup)
    assert core.take_output() == OK * 3


def test_each_failed_deletion_is_a_line_for_qmail_and_one_answer_in_the_mended_manner() -> None:
    line = b"-ERR unable to unlink all deleted messages\r\n"
    assert play(session(is_classic=True), [b"QUIT\r\n"], failures=2) == line * 2 + OK
    assert play(session(), [b"QUIT\r\n"], failures=2) == line


def test_pipelined_commands_wait_for_the_message_before_them() -> None:
    core = session()
    core.receive(b"RETR 1\r\nSTAT\r\nRETR 9\r\nRETR 3\r\n")
    assert core.next_event() == Retrieve(0, None)
    assert core.next_event() is NEED_ANSWER
    core.missing()
    assert core.next_event() == Retrieve(2, None)
    assert core.take_output() == b"-ERR unable to open that message\r\n+OK 3 51\r\n-ERR not that many messages\r\n"
    core.retrieved()
    assert core.next_event() is NEED_DATA
    assert core.retrievals == 1


def test_many_answers_are_handed_out_in_parts() -> None:
    core = session()
    core.receive(b"LIST\r\n" * 3000)
    assert isinstance(core.next_event(), Flush)
    assert core.limit_bytes < len(core.take_output()) < core.limit_bytes + 100


@pytest.mark.parametrize("length", [999, 1000, 1001])
def test_a_line_above_the_limit_is_refused_and_the_next_one_obeyed(length: int) -> None:
    line = b"NOOP " + b"x" * (length - 5)
    out = play(session(), [line + b"\r\nLAST\r\n"])
    expected = OK if length <= 1000 else b"-ERR command line too long\r\n"
    assert out == expected + b"+OK 0\r\n"


def test_an_endless_line_is_not_kept() -> None:
    reader = CommandReader(limit_bytes=100)
    for _ in range(50):
        reader.receive(b"x" * 90)
        assert reader.next_line() is None
        assert len(reader) <= 101
    reader.receive(b"\r\nNOOP\r\n")
    assert reader.next_line() is not None
    assert reader.is_too_long
    assert reader.next_line() == b"NOOP"
    assert not reader.is_too_long


def test_a_nul_ends_qmails_strings_and_spoils_a_command_in_the_mended_manner() -> None:
    assert ask(b"STAT\0junk", is_classic=True) == b"+OK 3 51\r\n"
    assert ask(b"STAT\0junk") == b"-ERR syntax error\r\n"


def test_retr_with_a_count_is_top_and_top_without_one_is_retr() -> None:
    core = session()
    core.receive(b"RETR 1 1\r\n")
    assert core.next_event() == Retrieve(0, 1)
    core.retrieved()
    core.receive(b"TOP 1\r\n")
    assert core.next_event() == Retrieve(0, None)
    core.retrieved()
    core.receive(b"TOP 1 18446744073709551615\r\n")
    assert core.next_event() == Retrieve(0, None)


def test_a_unique_id_is_always_in_the_form_of_the_rfc() -> None:
    for name in (b"a", b"x" * 70, b"x" * 71, b"a b", b"\xe9", b""):
        shown = unique_id(name)
        assert 1 <= len(shown) <= 70
        assert all(0x21 <= byte <= 0x7E for byte in shown)
    assert unique_id(b"x" * 71) != unique_id(b"y" * 71)


def top(message: bytes, lines: int, pieces: list[bytes], is_classic: bool) -> bytes:
    encoder = MessageEncoder(lines, is_classic)
    return b"".join([encoder.encode(piece) for piece in pieces]) + encoder.finish()


def expected_top(message: bytes, lines: int) -> bytes:
    """qmail's loop, line by line."""
    out = b""
    is_header, left = True, lines + 1
    for line in message.splitlines(keepends=True) if b"\r" not in message else []:
        if not is_header:
            left -= 1
            if not left:
                break
        text = line.removesuffix(b"\n")
        is_header = is_header and bool(text)
        out += (b"." if text.startswith(b".") else b"") + text + b"\r\n"
    return out + b"\r\n.\r\n"


@given(st.text(alphabet="\n.a", max_size=16).map(str.encode), st.integers(0, 6), st.data())
def test_top_cuts_as_qmail_does_wherever_the_pieces_end(message: bytes, lines: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(message)))
    further = data.draw(st.integers(at, len(message)))
    expected = expected_top(message, lines)
    assert top(message, lines, [message], is_classic=True) == expected
    assert top(message, lines, [message[:at], message[at:further], message[further:]], is_classic=True) == expected
    assert top(message, lines, [message[i : i + 1] for i in range(len(message))], is_classic=True) == expected


@given(st.text(alphabet="\n\r.a", max_size=12).map(str.encode), st.integers(0, 4))
def test_top_of_crlf_files_does_not_depend_on_the_pieces(message: bytes, lines: int) -> None:
    whole = top(message, lines, [message], is_classic=False)
    assert top(message, lines, [message[i : i + 1] for i in range(len(message))], is_classic=False) == whole


def test_a_header_stored_with_crlf_ends_at_its_blank_line_in_the_mended_manner() -> None:
    message = b"Subject: x\r\n\r\nbody\r\nmore\r\n"
    assert top(message, 1, [message], is_classic=False) == b"Subject: x\r\n\r\nbody\r\n.\r\n"
    assert top(message, 0, [message], is_classic=True) == message.replace(b"\n", b"\r\n") + b"\r\n.\r\n"
