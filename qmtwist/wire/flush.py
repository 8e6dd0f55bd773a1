"""The daemon and a user's worker about a maildir that is to be sent to a host: payloads of FLUSH and FLUSHED."""

from __future__ import annotations

from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import NamedTuple

KEPT_BYTES = 64 * 1024  # of what a run says


class FlushOrder(NamedTuple):
    """Send the maildir of whoever `prefix` belongs to; it is what recipients have in front, too."""

    prefix: bytes
    maildir: bytes
    protocol: bytes  # smtp or qmtp
    host: bytes  # an IP address
    port: bytes
    helohost: bytes


def encode_flush(order: FlushOrder) -> bytes:
    """The payload of FLUSH."""
    return b"\0".join(order)


def parse_flush(payload: bytes) -> FlushOrder:
    """The order in a FLUSH payload.

    :raises Malformed: not such an order, or words that a program could take for something else.
    """
    parts = payload.split(b"\0")
    if len(parts) != len(FlushOrder._fields):
        raise Malformed("bad order to send a maildir")
    order = FlushOrder(*parts)
    is_address = not order.host.translate(None, b"0123456789abcdefABCDEF:.") and order.host
    if not is_address or not order.port.isdigit() or order.protocol not in (b"smtp", b"qmtp"):
        raise Malformed("bad order to send a maildir")
    return order


def encode_flushed(status: int, output: bytes) -> bytes:
    """The payload of FLUSHED: the exit status of maildirserial, and its log."""
    return b"%d\0%s" % (status, output)


def parse_flushed(payload: bytes) -> tuple[int, bytes]:
    """Exit status and log of a FLUSHED payload.

    :raises Malformed: it has no status.
    """
    status, _, output = payload.partition(b"\0")
    try:
        return int(status), output
    except ValueError:
        raise Malformed("bad report about a maildir") from None
