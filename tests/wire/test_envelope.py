"""The envelope as qmail-queue reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.envelope import Envelope
from qmtwist.wire import envelope as limits
from qmtwist.wire.envelope import (
    BAD_FORMAT,
    TOO_LARGE,
    TOO_LONG,
    EnvelopeError,
    EnvelopeReader,
    encode_envelope,
    parse_records,
)
from tests.support.cuts import cuts

addresses = st.binary(max_size=30).map(lambda address: address.replace(b"\0", b""))


@given(addresses, st.lists(addresses, max_size=6), st.binary(max_size=9), st.data())
def test_an_envelope_is_read_back_however_it_is_cut(
    sender: bytes, recipients: list[bytes], garbage: bytes, data: st.DataObject
) -> None:
    envelope = Envelope(sender, tuple(recipients))
    reader = EnvelopeReader()
    pieces = data.draw(cuts(encode_envelope(envelope) + garbage))
    records = b"".join(reader.receive(piece) for piece in pieces)
    assert reader.is_complete
    assert parse_records(records) == envelope


@given(addresses, st.lists(addresses, max_size=4), st.data())
def test_no_proper_beginning_of_an_envelope_is_complete(
    sender: bytes, recipients: list[bytes], data: st.DataObject
) -> None:
    whole = encode_envelope(Envelope(sender, tuple(recipients)))
    reader = EnvelopeReader()
    reader.receive(whole[: data.draw(st.integers(0, len(whole) - 1))])
    assert not reader.is_complete


@pytest.mark.parametrize("bad", [b"Tr\0Fs\0\0", b"fs\0", b"\0", b"Fs\0Fs\0", b"Fs\0Tr\0Xq\0\0"])
def test_a_record_of_the_wrong_kind_is_a_format_error(bad: bytes) -> None:
    with pytest.raises(EnvelopeError) as caught:
        EnvelopeReader().receive(bad)
    assert caught.value.code == BAD_FORMAT


@pytest.mark.parametrize("before", [b"F", b"Fs\0T"])
def test_an_address_may_have_1002_bytes_and_no_more(before: bytes) -> None:
    reader = EnvelopeReader()
    assert reader.receive(before + b"x" * 1002 + b"\0") == before + b"x" * 1002 + b"\0"
    for ending in (b"", b"\0"):
        with pytest.raises(EnvelopeError) as caught:
            EnvelopeReader().receive(before + b"x" * 1003 + ending)
        assert caught.value.code == TOO_LONG


@pytest.mark.parametrize(("limit", "value"), [("RECIPIENTS_LIMIT", 3), ("RECORDS_LIMIT_BYTES", 3 + 3 * 4)])
def test_an_envelope_has_a_largest_size(monkeypatch: pytest.MonkeyPatch, limit: str, value: int) -> None:
    monkeypatch.setattr(limits, limit, value)
    reader = EnvelopeReader()
    reader.receive(encode_envelope(Envelope(b"s", (b"ab",) * 3)))
    assert reader.is_complete
    with pytest.raises(EnvelopeError) as caught:
        EnvelopeReader().receive(encode_envelope(Envelope(b"s", (b"ab",) * 4)))
    assert caught.value.code == TOO_LARGE


def test_what_an_envelope_weighs_is_known_before_it_is_complete() -> None:
    reader = EnvelopeReader()
    reader.receive(b"Fs\0" + b"Ta\0" * 1000)
    assert reader.weight_bytes > 50 * 1000
