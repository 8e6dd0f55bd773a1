"""The order to send a maildir, and its report."""

from __future__ import annotations

import pytest

from qmtwist.mail.errors import Malformed
from qmtwist.wire.flush import FlushOrder, encode_flush, encode_flushed, parse_flush, parse_flushed

ORDER = FlushOrder(b"auto-", b"box", b"smtp", b"192.0.2.7", b"25", b"me.example")


def test_what_is_encoded_is_parsed() -> None:
    assert parse_flush(encode_flush(ORDER)) == ORDER
    assert parse_flushed(encode_flushed(-9, b"a\0b")) == (-9, b"a\0b")


@pytest.mark.parametrize(
    "order",
    [
        ORDER._replace(host=b"-x"),
        ORDER._replace(host=b""),
        ORDER._replace(host=b"host.example"),
        ORDER._replace(port=b"-1"),
        ORDER._replace(protocol=b"sh"),
        ORDER._replace(maildir=b"a\0b"),
    ],
)
def test_an_order_that_a_program_could_misread_is_refused(order: FlushOrder) -> None:
    with pytest.raises(Malformed):
        parse_flush(encode_flush(order))


def test_a_report_without_a_status_is_refused() -> None:
    with pytest.raises(Malformed):
        parse_flushed(b"no status")
