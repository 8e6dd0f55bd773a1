from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.wire.dots import DotStuffer, SmtpStuffer
from tests.support.cuts import cuts

TRICKY = st.text(alphabet=".\n\ra", max_size=40).map(str.encode)


def sent(pieces: list[bytes], keeps_pairs: bool = True) -> bytes:
    stuffer = DotStuffer(keeps_pairs)
    return b"".join([stuffer.encode(piece) for piece in pieces]) + stuffer.finish()


def unstuffed(data: bytes) -> bytes:
    """What a receiver that knows only CR LF lines takes it for, CR LF kept."""
    lines = data.split(b"\r\n")
    return b"\r\n".join(line.removeprefix(b".") for line in lines)


def in_crlf(message: bytes) -> bytes:
    """The message with CR LF lines, the last one complete; a stored CR LF is one line end."""
    whole = message.replace(b"\r\n", b"\n")
    if whole.endswith(b"\r"):
        whole = whole[:-1] + b"\n"
    elif whole and not whole.endswith(b"\n"):
        whole += b"\n"
    return whole.replace(b"\n", b"\r\n")


@given(TRICKY)
def test_where_the_message_is_cut_never_matters(message: bytes) -> None:
    whole = sent([message])
    for at in range(len(message) + 1):
        for further in range(at, len(message) + 1):
            assert sent([message[:at], message[at:further], message[further:]]) == whole
    assert sent([message[at : at + 1] for at in range(len(message))]) == whole


@given(TRICKY)
def test_a_receiver_gets_back_what_was_sent(message: bytes) -> None:
    assert unstuffed(sent([message])) == in_crlf(message)


@given(TRICKY, st.booleans())
def test_no_line_of_the_message_can_be_taken_for_its_end(message: bytes, keeps_pairs: bool) -> None:
    data = sent([message], keeps_pairs)
    assert b"." not in data.split(b"\r\n")
    assert not data or data.endswith(b"\r\n")


@given(TRICKY)
def test_qmails_manner_keeps_every_cr(message: bytes) -> None:
    data = sent([message], keeps_pairs=False)
    completed = message if not message or message.endswith(b"\n") else message + b"\n"
    assert unstuffed(data) == completed.replace(b"\n", b"\r\n")


@pytest.mark.parametrize(
    ("message", "wire"),
    [
        (b"", b""),
        (b".", b"..\r\n"),
        (b".\n", b"..\r\n"),
        (b"a\n.b", b"a\r\n..b\r\n"),
        (b"a\r\n.\r\n", b"a\r\n..\r\n"),
        (b"a\r", b"a\r\n"),
        (b"a\rb\n", b"a\rb\r\n"),
    ],
)
def test_examples(message: bytes, wire: bytes) -> None:
    assert sent([message]) == wire


# -- towards other mail servers


def mailed(pieces: list[bytes]) -> bytes:
    stuffer = SmtpStuffer()
    return b"".join([stuffer.encode(piece) for piece in pieces]) + stuffer.finish()


def in_lines(message: bytes) -> list[bytes]:
    return message.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")


@given(TRICKY, st.data())
def test_mail_has_no_bare_cr_or_lf_and_a_receiver_gets_its_lines(message: bytes, data: st.DataObject) -> None:
    wire = mailed(data.draw(cuts(message)))
    bare = wire.replace(b"\r\n", b"")
    assert b"\r" not in bare and b"\n" not in bare
    assert [line.removeprefix(b".") for line in wire.split(b"\r\n")] == in_lines(message)


@given(TRICKY, st.data())
def test_no_line_of_mail_can_be_taken_for_its_end(message: bytes, data: st.DataObject) -> None:
    wire = mailed(data.draw(cuts(message)))
    assert b"." not in wire.split(b"\r\n")
    # also by a receiver to whom a CR or an LF alone is a line end
    assert b"." not in wire.replace(b"\r", b"\n").split(b"\n")


@given(TRICKY, st.data())
def test_mail_is_complete_when_its_last_line_is(message: bytes, data: st.DataObject) -> None:
    stuffer = SmtpStuffer()
    for piece in data.draw(cuts(message)):
        stuffer.encode(piece)
    assert stuffer.is_complete is (message[-1:] in (b"", b"\r", b"\n"))


@pytest.mark.parametrize(
    ("message", "wire"),
    [
        (b"", b""),
        (b".", b".."),
        (b"a\r.\n", b"a\r\n..\r\n"),
        (b"a\r.\rMAIL\n", b"a\r\n..\r\nMAIL\r\n"),
        (b"a\r\r\n.\r\n", b"a\r\n\r\n..\r\n"),
        (b"\r.", b"\r\n.."),
        (b"a\r", b"a\r\n"),
        (b"a\n\r.\n", b"a\r\n\r\n..\r\n"),
    ],
)
def test_examples_of_mail(message: bytes, wire: bytes) -> None:
    assert mailed([message]) == wire
    assert mailed([message[at : at + 1] for at in range(len(message))]) == wire
