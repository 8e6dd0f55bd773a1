"""wire/carriage.py: CRs come and go, however the stream is cut."""

from __future__ import annotations

import re
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from qmtwist.wire.carriage import AddCr, DelCr, FixCr

PIECES = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"", b"b\r", b"\nc"]), max_size=12)
Stream = Callable[[], AddCr | FixCr | DelCr]


def through(stream: AddCr | FixCr | DelCr, pieces: list[bytes]) -> bytes:
    return b"".join(stream.feed(piece) for piece in pieces) + stream.end()


@given(st.sampled_from([AddCr, FixCr, DelCr]), PIECES)
def test_cuts_do_not_matter(make: Stream, pieces: list[bytes]) -> None:
    assert through(make(), pieces) == through(make(), [b"".join(pieces)])


@given(PIECES)
def test_added_crs_can_be_taken_away_again(pieces: list[bytes]) -> None:
    assert through(DelCr(), [through(AddCr(), pieces)]) == b"".join(pieces)


@given(PIECES)
def test_a_mended_stream_has_a_cr_before_every_lf_and_nothing_else_is_new(pieces: list[bytes]) -> None:
    text = b"".join(pieces)
    mended = through(FixCr(), pieces)
    assert mended == re.sub(rb"(?<!\r)\n", b"\r\n", text)
    assert through(FixCr(), [mended]) == mended
