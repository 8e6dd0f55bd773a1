"""wire/smtp/data.py: where a message ends, whatever its bytes and however they arrive."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.wire.smtp.data import DataReader
from tests.support.cuts import cuts
from tests.support.smtp_pump import one_by_one

END = b"\r\n.\r\n"


def on_the_wire(message: bytes) -> bytes:
    """A message (LF line ends) as a careful client sends it. (RFC 5321 §4.5.2)"""
    lines = message.split(b"\n")
    assert lines.pop() == b""
    return b"".join([b"%s%s\r\n" % (b"." if line[:1] == b"." else b"", line) for line in lines]) + b".\r\n"


def read(pieces: list[bytes]) -> tuple[DataReader, bytes, bytes | None]:
    """The reader, what was stored, what follows the end (None: no end)."""
    reader, stored = DataReader(), b""
    for at, piece in enumerate(pieces):
        content, rest = reader.receive(piece)
        stored += content
        if rest is not None:
            return reader, stored, rest + b"".join(pieces[at + 1 :])
    return reader, stored, None


messages = st.lists(
    st.one_of(st.sampled_from([b"", b".", b"..", b"...", b".x", b"x.", b"received"]), st.binary(max_size=30))
    .map(lambda line: line.replace(b"\r", b"").replace(b"\n", b""))
).map(lambda lines: b"".join(line + b"\n" for line in lines))  # fmt: skip


@given(messages, st.binary(max_size=20), st.data())
def test_a_message_is_stored_as_it_was_however_it_is_cut(message: bytes, after: bytes, data: st.DataObject) -> None:
    reader, stored, rest = read(data.draw(cuts(on_the_wire(message) + after)))
    assert (stored, rest) == (message, after)
    assert reader.size == len(message)
    assert not reader.has_bare_cr and not reader.has_bare_lf


@given(st.lists(st.sampled_from([b"\r", b"\n", b".", b"x", b"\r\n", b"received"]), max_size=30), st.data())
def test_any_bytes_give_the_same_whatever_the_cuts(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts)
    whole, stored, rest = read([stream])
    cut, stored_cut, rest_cut = read(data.draw(cuts(stream)))
    assert (rest is not None) is (END in b"\r\n" + stream)
    assert (rest_cut, cut.has_bare_cr, cut.has_bare_lf) == (rest, whole.has_bare_cr, whole.has_bare_lf)
    if not whole.has_bare_lf:  # otherwise nothing of it is ever stored
        assert (stored_cut, cut.hops, cut.size) == (stored, whole.hops, whole.size)


@given(st.lists(st.sampled_from([b"\r", b"\n", b".", b"x", b"\r\n"]), max_size=30))
def test_at_most_four_bytes_are_kept_from_one_read_to_the_next(parts: list[bytes]) -> None:
    reader, stream, stored = DataReader(), b"".join(parts), 0
    for piece in one_by_one(stream):
        content, rest = reader.receive(piece)
        stored += len(content)
        assert len(reader._held) <= 4
        if rest is not None:
            break


@pytest.mark.parametrize(
    "sequence",
    [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r\n.\r\r\n", b"\n.\r", b"\r\n\0.\r\n",
     b"\r\n.\0\r\n", b"\r\n .\r\n", b"\r\n.\n\n", b"\r\r.\r\n", b"\n\r.\r\n"],
)  # fmt: skip
def test_nothing_but_crlf_dot_crlf_ends_a_message(sequence: bytes) -> None:
    stream = b"Subject: x\r\n\r\none" + sequence + b"MAIL FROM:<evil@example.com>\r\n"
    for pieces in ([stream], list(one_by_one(stream))):
        reader, _, rest = read(pieces)
        assert rest is None
        reader.receive(b"more\r\n.\r\n")
        if sequence.count(b"\r\n") * 2 != sequence.count(b"\r") + sequence.count(b"\n"):
            assert reader.has_bare_cr or reader.has_bare_lf


def test_a_dot_line_at_once_is_the_empty_message() -> None:
    assert read([b".\r\nQUIT\r\n"])[1:] == (b"", b"QUIT\r\n")
    assert read(list(one_by_one(b".\r\nQUIT\r\n")))[1:] == (b"", b"QUIT\r\n")


def test_one_leading_dot_is_removed_also_before_something_else() -> None:
    stream = b"..one\r\n...two\r\nmid.dle\r\n. x\r\n.x\r\n..\r\n.\r\n"
    assert read([stream])[1] == b".one\n..two\nmid.dle\n x\nx\n.\n"


def test_nul_and_8_bit_bytes_pass() -> None:
    every = bytes(byte for byte in range(256) if byte not in b"\r\n")
    assert read([every + b"\r\n.\r\n"])[1] == every + b"\n"


@pytest.mark.parametrize(
    ("lines", "hops"),
    [
        ([b"Received: x"] * 3 + [b"Delivered-To: y"] + [b"", b"body"], 4),
        ([b"rEcEiVeDfoo", b"DELIVEREDbar", b"Delivere", b"Receive"], 2),
        ([b"Subject: x", b"", b"Received: in the body"], 0),
        ([b"", b"Received: in the body"], 0),
        ([b"Subject: Received", b" Received: folded"], 0),
        ([b"..Received: x", b"Received"], 1),  # with the dot still there, as qmail counts
        ([b"received", b"received", b"delivered"], 3),
    ],
)
def test_hops_are_counted_in_the_header_alone_and_the_same_at_every_cut(lines: list[bytes], hops: int) -> None:
    stream = b"".join(line + b"\r\n" for line in lines) + b".\r\n"
    for at in range(len(stream)):
        assert read([stream[:at], stream[at:]])[0].hops == hops, at
    assert read(list(one_by_one(stream)))[0].hops == hops


def test_a_line_of_ten_megabytes_is_streamed() -> None:
    reader = DataReader()
    for _ in range(160):
        content, rest = reader.receive(b"x" * 65536)
        assert len(content) >= 65536 - 4 and rest is None
    assert reader.size == 160 * 65536
