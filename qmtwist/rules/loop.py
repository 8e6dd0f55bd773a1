"""Whether a message has been delivered to this address before. (qmail-local(8); Delivered-To)"""

from __future__ import annotations

from qmtwist.mail.shapes import Iterable

_FIELD = b"Delivered-To: "


def delivered_to(local: bytes, host: bytes) -> bytes:
    r"""The line that marks a delivery, with its line end; line ends in the address become `_`.

    >>> delivered_to(b"jo\ne", b"example.org")
    b'Delivered-To: jo_e@example.org\n'
    """
    return _FIELD + (local + b"@" + host).replace(b"\n", b"_") + b"\n"


def has_line(pieces: Iterable[bytes], line: bytes) -> bool:
    r"""Whether the header has exactly this line (which ends in its only LF), byte for byte.

    The header ends at the first empty line; a line of CR LF is not empty. Only as much is read as the answer needs,
    and no more held than one piece.

    >>> has_line([b"A: b\nDelivered-", b"To: x\n\n"], b"Delivered-To: x\n")
    True
    >>> has_line([b"A: b\n\nDelivered-To: x\n"], b"Delivered-To: x\n")
    False
    """
    wanted = b"\n" + line
    data = b"\n"
    for piece in pieces:
        data += piece
        found = data.find(wanted)
        end = data.find(b"\n\n")
        if found >= 0 and (end < 0 or found < end):
            return True
        if end >= 0:
            return False
        data = data[-len(wanted) :]
    return False
