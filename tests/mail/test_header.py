"""Header fields cut out of a stream."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.errors import Malformed
from qmtwist.mail.header import Field, HeaderReader, LineEnds, field_name
from tests.support.cuts import cuts


def read(message: bytes) -> HeaderReader:
    reader = HeaderReader()
    reader.receive(message)
    reader.eof()
    return reader


names = st.from_regex(rb"[!-9;-~]{1,8}[ \t]{0,2}", fullmatch=True)
values = st.from_regex(rb"[^\n\r]{0,12}(\n[ \t][^\n\r]{0,9}){0,2}", fullmatch=True)
lines = st.builds(lambda name, value: name + b":" + value + b"\n", names, values)
bodies = st.binary(max_size=30).map(lambda body: body.replace(b"\r", b""))


@given(st.lists(lines, max_size=5), bodies, st.data())
def test_fields_and_body_together_are_the_message_however_it_is_cut(
    header: list[bytes], body: bytes, data: st.DataObject
) -> None:
    reader = HeaderReader()
    for piece in data.draw(cuts(b"".join(header) + b"\n" + body)):
        reader.receive(piece)
    reader.eof()
    assert [field.raw for field in reader.fields] == header
    assert [field.name for field in reader.fields] == [
        line.partition(b":")[0].rstrip(b" \t").lower() for line in header
    ]
    assert reader.rest == b"\n" + body


@given(st.lists(lines, min_size=1, max_size=4), bodies, st.data())
def test_a_message_with_crlf_reads_as_one_without(header: list[bytes], body: bytes, data: st.DataObject) -> None:
    plain = b"".join(header) + b"\n" + body
    reader = HeaderReader()
    pieces = iter(data.draw(cuts(plain.replace(b"\n", b"\r\n"))))
    for piece in pieces:
        reader.receive(piece)
        if reader.is_complete:
            break
    reader.eof()
    ends = LineEnds(reader.has_crlf)
    got = b"".join([ends.convert(reader.rest), *[ends.convert(piece) for piece in pieces], ends.end()])
    assert [field.raw for field in reader.fields] == header
    assert got == b"\n" + body + (b"" if body[-1:] in (b"\n", b"") else b"\n")


@pytest.mark.parametrize(
    ("message", "rest"),
    [
        (b"To: x\nnot a field\nSubject: s\n", b"\nnot a field\nSubject: s\n"),
        (b"To: x\n: no name\n", b"\n: no name\n"),
        (b"To: x\n", b""),
        (b"To: x", b""),
        (b"\n", b"\n"),
        (b"", b""),
        (b"  first line indented\n", b"\n  first line indented\n"),
        (b"body without end", b"\nbody without end\n"),
        (b"To: x\nSubject: y\r\n\r\nbody\r\n", b"\r\nbody\r\n"),
        (b"To: x\nno field\r\n\r\nbody\r\n", b"\nno field\r\n\r\nbody\r\n"),
    ],
)
def test_where_the_header_ends(message: bytes, rest: bytes) -> None:
    reader = read(message)
    assert reader.rest == rest
    assert [field.name for field in reader.fields][:1] == ([b"to"] if message.startswith(b"To") else [])


def test_the_empty_line_tells_how_lines_end() -> None:
    reader = read(b"To: x\nSubject: y\r\n\r\nbody\r\n")
    assert reader.has_crlf and reader.fields[1].raw == b"Subject: y\n"
    assert LineEnds(True).convert(reader.rest) == b"\nbody\n"


def test_an_empty_line_without_cr_makes_every_cr_data() -> None:
    reader = read(b"X: a\r\nTo: b\n\nx\r\n")
    assert not reader.has_crlf and reader.fields[0].raw == b"X: a\r\n"


def test_an_mbox_line_becomes_a_field_with_its_continuation() -> None:
    reader = read(b"From joe Mon\n more\nTo: x\n\n")
    assert reader.fields[0] == Field(b"mbox-line", b"MBOX-Line: From joe Mon\n more\n")


def test_a_header_that_never_ends_is_refused() -> None:
    reader = HeaderReader(limit_bytes=100)
    with pytest.raises(Malformed):
        for _ in range(20):
            reader.receive(b"X: yyyyyyy\n")


def test_a_header_of_too_many_fields_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmtwist.mail.header.LIMIT_FIELDS", 10)
    assert len(read(b"X: y\n" * 10).fields) == 10
    with pytest.raises(Malformed):
        read(b"X: y\n" * 11)


def test_a_long_line_in_small_pieces_takes_linear_time() -> None:
    reader, piece = HeaderReader(), b"x" * 1000
    reader.receive(b"X: ")
    begun = time.process_time()
    for _ in range(20_000):
        reader.receive(piece)
    reader.eof()
    assert len(reader.fields[0].raw) == 20_000_004 and time.process_time() - begun < 3


@pytest.mark.parametrize(
    ("line", "name"),
    [(b"TO \t: x", b"to"), (b"X Y: z", None), (b":", None), (b" : x", None), (b"X\xe9: x", None), (b"no colon", None)],
)
def test_what_begins_a_field(line: bytes, name: bytes | None) -> None:
    assert field_name(line) == name


@given(st.binary(max_size=40), st.data())
def test_a_cr_before_no_lf_survives_conversion_wherever_it_is_cut(body: bytes, data: st.DataObject) -> None:
    ends = LineEnds(has_crlf=True)
    got = b"".join([*[ends.convert(piece) for piece in data.draw(cuts(body))], ends.end()])
    wanted = body.replace(b"\r\n", b"\n")
    assert got == wanted + (b"" if wanted[-1:] in (b"", b"\n") else b"\n")
