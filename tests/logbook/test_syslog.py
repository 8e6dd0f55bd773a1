from __future__ import annotations

from qmtwist.logbook.syslog import ALERT, INFO, WARNING, Entry, Lines


def entries(*pieces: bytes) -> list[Entry]:
    lines = Lines(lambda: 928424123_963558)
    return [entry for piece in pieces for entry in lines.receive(piece)] + lines.end()


def test_a_line_is_an_entry_with_its_time() -> None:
    assert entries(b"new ", b"msg 7\n") == [Entry(INFO, b"928424123.963558 new msg 7")]


def test_the_first_word_tells_the_level() -> None:
    text = b"alert: a\nwarning: b\nstatus: c\n"
    assert [entry.level for entry in entries(text)] == [ALERT, WARNING, INFO]


def test_what_cannot_be_printed_is_a_question_mark() -> None:
    assert entries(b"a\tb\xe4\0\n") == [Entry(INFO, b"928424123.963558 a?b??")]


def test_a_long_line_goes_on_with_its_level() -> None:
    found = entries(b"warning: " + b"x" * 1600 + b"\nnext\n")
    assert [(entry.level, entry.text[16:17], len(entry.text) - 17) for entry in found] == [
        (WARNING, b" ", 799),
        (WARNING, b"+", 799),
        (WARNING, b"+", 11),
        (INFO, b" ", 4),
    ]


def test_empty_lines_are_left_out_and_a_partial_one_is_not() -> None:
    assert [entry.text[17:] for entry in entries(b"\n\na\n\nend")] == [b"a", b"end"]
