"""The header that mailsubj writes."""

from __future__ import annotations

from email import message_from_bytes
from email.header import decode_header, make_header

from hypothesis import given
from hypothesis import strategies as st

from qmtwist.rules.subjectline import header


def test_subject_and_recipients_are_written_as_they_are() -> None:
    assert header(b'hello "you"', [b"a@b.c", b"d"]) == b'Subject: hello "you"\nTo: a@b.c d\n\n'


@given(st.binary(max_size=200), st.lists(st.binary(max_size=40), max_size=4))
def test_whatever_is_given_there_are_two_fields(subject: bytes, recipients: list[bytes]) -> None:
    text = header(subject, recipients)
    assert text.endswith(b"\n\n") and b"\r" not in text
    fields = [line for line in text[:-2].split(b"\n") if not line.startswith(b" ")]
    assert [field.partition(b":")[0] for field in fields] == [b"Subject", b"To"]


@given(st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), min_size=1, max_size=120))
def test_a_subject_that_is_not_ascii_can_be_read_again(subject: str) -> None:
    text = header(("é" + subject).encode(), [b"a"])
    assert text.isascii() and max(map(len, text.split(b"\n"))) <= 78
    read = message_from_bytes(text)["Subject"]
    assert str(make_header(decode_header(read))) == "é" + subject
