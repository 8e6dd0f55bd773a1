"""Netstrings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.errors import Malformed
from qmtwist.wire.netstring import NetstringReader, netstring
from tests.support.cuts import cuts


@given(st.lists(st.binary(max_size=40)), st.data())
def test_where_the_stream_is_cut_never_matters(payloads: list[bytes], data: st.DataObject) -> None:
    reader = NetstringReader(limit_bytes=40)
    pieces = data.draw(cuts(b"".join(netstring(payload) for payload in payloads)))
    assert payloads == [payload for piece in pieces for payload in reader.receive(piece)]


@pytest.mark.parametrize(
    "bad", [b":,", b"x", b"-1:", b"+1:a,", b"01:a,", b"00:,", b"1:ab", b" 1:a,", b"41:", b"999", b"1 :a,"]
)
def test_what_is_no_netstring_is_malformed_as_soon_as_that_shows(bad: bytes) -> None:
    with pytest.raises(Malformed):
        list(NetstringReader(limit_bytes=40).receive(bad))


def test_the_limit_itself_is_allowed() -> None:
    assert list(NetstringReader(limit_bytes=40).receive(netstring(b"x" * 40))) == [b"x" * 40]


def test_what_was_not_taken_comes_again() -> None:
    reader = NetstringReader(limit_bytes=9)
    assert next(iter(reader.receive(netstring(b"a") + netstring(b"b")))) == b"a"
    assert reader.buffered_bytes == 4
    assert list(reader.receive(netstring(b"c"))) == [b"b", b"c"]
