"""What is announced of a message agrees with what is sent of it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from qmtwist.wire.dots import SmtpStuffer
from qmtwist.wire.outgoing import Survey

PIECES = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b".", b"\xe4", b""]), max_size=12)


@given(PIECES, st.data())
def test_the_size_announced_is_that_of_what_is_sent_without_the_dots_that_are_added(
    pieces: list[bytes], data: Any
) -> None:
    survey, stuffer = Survey(), SmtpStuffer()
    message = b"".join(pieces)
    cuts = sorted({0, len(message), *data.draw(st.lists(st.integers(0, len(message)), max_size=3))})
    for start, end in pairwise(cuts):
        survey.look(message[start:end])
    sent = stuffer.encode(message.replace(b".", b"x")) + stuffer.finish()
    assert len(message) + survey.growth_bytes == len(sent)
    assert survey.is_eight_bit == (b"\xe4" in message)
