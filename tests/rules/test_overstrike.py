"""A header for a printing terminal, and the way of a message."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.header import HeaderReader
from qmtwist.rules.overstrike import print_header
from qmtwist.rules.receivedtext import received_lines


def local(seconds: int) -> bytes:
    return b"@%d" % seconds


def plain(printed: bytes) -> bytes:
    """Without what is struck first."""
    out = bytearray()
    for byte in printed:
        if byte == 8:
            out.pop()
        else:
            out.append(byte)
    return bytes(out)


def printed(text: bytes) -> bytes:
    reader = HeaderReader(has_mbox_lines=False)
    reader.receive(text)
    reader.eof()
    return print_header(reader.fields, local)


def test_an_empty_header_has_its_headings() -> None:
    lines = plain(printed(b"")).split(b"\n")
    assert lines == [b"Subject:" + b" " * 70, b"Date:", b"-" * 78, b"-" * 78, b""]


def test_a_date_is_shown_as_it_is_and_in_local_time() -> None:
    line = plain(printed(b"Date: 3 Jan 2000 10:00:00 -0000\n")).split(b"\n")[1]
    assert line.startswith(b"Date: 3 Jan 2000 10:00:00 -0000 ") and line.endswith(b" @946893600") and len(line) == 78


def test_what_cannot_be_printed_is_octal_and_not_underlined() -> None:
    assert printed(b"Subject:\x1b\n").split(b"\n")[0].endswith(b" \\033")


def test_long_texts_take_several_lines() -> None:
    lines = plain(printed(b"Subject: " + b"x" * 200 + b"\nX-Long: " + b"word " * 40 + b"\n")).split(b"\n")
    assert b"".join([line.strip() for line in lines]).count(b"x" * 50) >= 3
    assert max(map(len, lines)) <= 78


def test_of_very_long_texts_the_beginning_is_shown() -> None:
    begun = time.process_time()
    shown = printed(b"Subject: " + b"x" * 10_000_000 + b"\nTo: " + b"a," * 3_000_000 + b"\n")
    assert len(shown) < 1_000_000 and received_lines(b"x; " * 3_000_000, local).startswith(b"\t\t\t x\n")
    assert time.process_time() - begun < 5


def test_all_kinds_of_fields_have_their_place() -> None:
    text = plain(
        printed(b"X: y\nCc: c@d (C)\nTo: nobody: ;\nReply-To: r\nReceived: z\nIn-Reply-To: <i@j>\nReferences: <k@l>\n")
    )
    found = [line.split(b":")[0] for line in text.split(b"\n")]
    rule = b"-" * 78
    assert found == [
        b"Subject",
        b"Date",
        b"Received",
        b"In-Reply-To",
        b"Ref",
        rule,
        b"To",
        b"Cc",
        rule,
        b"Reply-To",
        b"X",
        b"",
    ]
    assert b"reply to r\n" in text


@given(st.binary(max_size=300))
def test_no_control_of_the_terminal_gets_through(text: bytes) -> None:
    shown = printed(b"Subject: " + text.replace(b"\n", b"") + b"\nTo: " + text.replace(b"\n", b"") + b"\n")
    assert all(byte in (8, 10) or 32 <= byte <= 126 for byte in shown)


def test_a_received_field_without_a_date_is_indented() -> None:
    assert received_lines(b" from a (b (c)) [d] by e", local) == b"\t\t\t from a (b (c)) [d] \n\t\t\t by e\n"


def test_blanks_are_one_and_the_date_stays_on_its_line_as_it_is() -> None:
    value = b"from  x\tfor <a@b.c>; Mon,  3 Jan 2000 10:00 GMT for"
    assert received_lines(value, local) == (
        b"@946893600 from x \n\t\t\t for <a@b.c>\n\t\t\t ; Mon,  3 Jan 2000 10:00 GMT for\n"
    )
