"""rules/loop: a message that has been here before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.rules.loop import delivered_to, has_line

LINE = b"Delivered-To: joe@host\n"
PARTS = st.lists(
    st.sampled_from(
        [LINE, b"\n", b"A: b\n", b"Delivered-To: joe@host", b"\r\n", b" ", b"Delivered-To: ", b"joe@host\n"]
    ),
    max_size=8,
).map(b"".join)


def reference(message: bytes) -> bool:
    """Line by line, as the manual says it."""
    *lines, last = message.split(b"\n")
    for line in [line + b"\n" for line in lines] + [last]:
        if len(line) <= 1:
            return False
        if line == LINE:
            return True
    return False


@pytest.mark.parametrize(
    ("message", "is_found"),
    [
        (LINE, True),
        (b"Received: x\n" + LINE + b"\n", True),
        (b"\n" + LINE, False),
        (b"A: b\n\n" + LINE, False),
        (b"A: b\n" + LINE[:-1], False),
        (b"A: b\nDelivered-To: Joe@host\n\n", False),
        (b"A: b\nDelivered-To: joe@host \n\n", False),
        (b"A: b\n " + LINE, False),
        (b"A: b\r\n\r\n" + LINE, True),
        (b"", False),
        (b"A: b\n" + LINE + b"\n" + LINE, True),
    ],
)
def test_only_the_same_whole_line_in_the_header_counts(message: bytes, is_found: bool) -> None:
    assert has_line([message], LINE) is is_found
    assert has_line([message[i : i + 1] for i in range(len(message))], LINE) is is_found


@given(message=PARTS, data=st.data())
def test_as_a_reader_of_lines_finds_it_wherever_the_message_is_cut(message: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(message)), max_size=5)))
    pieces = [message[a:b] for a, b in zip([0, *cuts], [*cuts, len(message)], strict=True)]
    assert has_line(pieces, LINE) is reference(message)


def test_nothing_is_read_after_the_header() -> None:
    def pieces() -> object:
        yield b"A: b\n\n"
        raise AssertionError("read on")

    assert has_line(pieces(), LINE) is False  # type: ignore[arg-type]


def test_a_line_end_in_an_address_does_not_make_a_line() -> None:
    assert delivered_to(b"a\nb", b"c\nd") == b"Delivered-To: a_b@c_d\n"
