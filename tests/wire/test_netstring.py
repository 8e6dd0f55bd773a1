"""Netstrings."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
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


def understood(stream: bytes) -> tuple[list[bytes], bool]:
    """The payloads of a stream that may have 40 bytes each, up to what is no netstring; and whether there is such."""
    found = []
    while head := re.match(rb"(0|[1-9][0-9]?):", stream):
        size, stream = int(head[1]), stream[head.end() :]
        if size > 40 or stream[size : size + 1] not in (b",", b""):
            return found, True
        if len(stream) <= size:
            return found, False
        found.append(stream[:size])
        stream = stream[size + 1 :]
    return found, not re.fullmatch(rb"|0|[1-9]|[1-3][0-9]|40", stream)


X40 = b"x" * 40
PARTS = st.sampled_from([b"0", b"1", b"1:a", b":", b",", b"1:a,", b"0:,", b"40:" + X40, b"41:" + X40, b"\xff"])


@settings(max_examples=300)
@given(st.lists(PARTS, max_size=5), st.data())
def test_any_bytes_are_payloads_and_then_perhaps_malformed(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts)
    reader, found, is_malformed = NetstringReader(limit_bytes=40), list[bytes](), False
    try:
        for piece in data.draw(cuts(stream)):
            for payload in reader.receive(piece):
                found.append(payload)
    except Malformed:
        is_malformed = True
    assert (found, is_malformed) == understood(stream)
