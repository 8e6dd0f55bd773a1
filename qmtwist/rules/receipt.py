"""Who asked to be told of a delivery, and what is told. (qmail qreceipt)"""

from __future__ import annotations

from qmtwist.mail.address import is_sendable, quote
from qmtwist.mail.addresslist import addresses
from qmtwist.mail.addresstokens import tokenize, unquote
from qmtwist.mail.errors import Malformed
from qmtwist.mail.header import Field
from qmtwist.mail.shapes import Iterable

REQUEST = b"notice-requested-upon-delivery-to"
LIMIT_TOKENS = 200_000
_SHOWN_BYTES = 4096


class Unparsable(Malformed):
    """A request that cannot be understood; `field` is how it begins."""

    def __init__(self, field: bytes) -> None:
        super().__init__("unable to parse a request for notice", "5.6.0")
        self.field = field


def notice(fields: Iterable[Field], recipient: bytes, sender: bytes) -> bytes | None:
    """The message for the sender, if the header asks for it for exactly this recipient.

    Nobody is told who has no address, or none that can be written to.

    :raises Unparsable: a request is no list of addresses.
    """
    if sender in (b"", b"#@[]") or not is_sendable(sender):
        return None
    is_asked, message_id = False, b""
    for field in fields:
        if field.name == REQUEST:
            is_asked |= recipient in _requested(field)
        elif field.name == b"message-id":
            message_id = field.raw
    shown = quote(sender)
    text = (
        b"From: DELIVERY NOTICE SYSTEM <%s>\nTo: <%s>\nSubject: success notice\n\n"
        b"Hi! This is the qreceipt program. Your message was delivered to the\n"
        b"following address: %s. Thanks for asking.\n" % (shown, shown, recipient)
    )
    if message_id:
        text += b"Your " + message_id
    return text if is_asked else None


def _requested(field: Field) -> list[bytes]:
    try:
        tokens = tokenize(field.raw.partition(b":")[2], limit_tokens=LIMIT_TOKENS)
        return [unquote(address) for address in addresses(tokens)]
    except Malformed as error:
        raise Unparsable(field.raw[:_SHOWN_BYTES]) from error
