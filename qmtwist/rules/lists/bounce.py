"""Mail that comes back to a list: which address it is about, and which notices are no bounces. (ezmlm-return, -weed)"""

from __future__ import annotations

from qmtwist.mail.header import Field
from qmtwist.mail.shapes import Iterator, NamedTuple

from .address import unboxed
from .command import Ticket
from .heading import value

PROOF_S = 3_000_000
"""How long a warning or a probe may take to come back."""
LIMIT_ADDRESSES = 1000  # in one bounce
_START_BYTES = 16384  # of its beginning that are kept with each of them
_INTRODUCTION = b"Hi. This is the"
_NOTICES = (b"success notice", b"deferral notice")
_SENDMAIL = b"warning: could not send message for past "
_EXIM = b"warning: message "
_AUTOMATIC = (b"auto-replied", b"auto-generated")
_PASSING = frozenset((b"delayed", b"delivered", b"relayed", b"expanded"))


class Returned(NamedTuple):
    """`kind` is `bounce`, `warn`, `probe`, or empty for an address that is none of ours. `address` is empty if it is to
    be looked for in the message, and `number` counts for bounces.
    """

    kind: bytes
    number: int = 0
    address: bytes = b""
    ticket: Ticket = Ticket(b"", b"")


def parse(action: bytes) -> Returned:
    """What the part of an address behind LIST-return- says.

    >>> parse(b"7-joe=x.y")[:3]
    (b'bounce', 7, b'joe@x.y')
    >>> parse(b"7-").kind, parse(b"7").kind, parse(b"").kind
    (b'bounce', b'', b'')
    """
    word, dash, rest = action.partition(b"-")
    if word.lower() in (b"warn", b"probe"):
        proof, _, box = rest.partition(b"-")
        date, _, cookie = proof.partition(b".")
        address = unboxed(box)
        return Returned(word.lower(), 0, address, Ticket(date, cookie)) if address else Returned(b"")
    if not dash or not word.isdigit() or len(word) > 15:
        return Returned(b"")
    address = unboxed(rest)
    if rest and address is None:
        return Returned(b"")
    return Returned(b"bounce", int(word), address or b"")


def failures(message: bytes) -> Iterator[tuple[bytes, bytes]]:
    r"""The addresses that a bounce of qmail names, each with the part of the message that is about it. (QSBMF)

    >>> dict(failures(b"Subject: x\n\nHi. This is the y\n\n<joe@x>:\nno\n\n<ann@x>:\nno\n\n--- Below\n"))[b"ann@x"]
    b'Subject: x\n\nHi. This is the y\n\n<ann@x>:\nno\n\n'
    """
    header, _, body = message.partition(b"\n\n")
    introduction, _, body = body.partition(b"\n\n")
    if not introduction.startswith(_INTRODUCTION):
        return
    start = (header + b"\n\n" + introduction + b"\n\n")[-_START_BYTES:]
    for paragraph in body.split(b"\n\n", LIMIT_ADDRESSES)[:LIMIT_ADDRESSES]:
        first = paragraph.split(b"\n", 1)[0]
        if first[:1] == b"-":
            return
        if first[:1] == b"<" and first[-2:] == b">:":
            yield first[1:-2], start + paragraph + b"\n\n"


def is_notice(fields: list[Field], body: bytes) -> bool:
    """Whether the message says that mail was delivered or is late, or that somebody is away: nothing has bounced."""
    subject = next((value(field) for field in fields if field.name == b"subject"), b"").lower()
    if subject in _NOTICES or subject.startswith(_SENDMAIL) or (subject.startswith(_EXIM) and b" delayed " in subject):
        return True
    kinds = [value(field).lower() for field in fields if field.name == b"content-type"]
    if any(kind.startswith(b"multipart/report") for kind in kinds):
        return _is_passing(body)
    return _is_by_person(fields)


def _is_by_person(fields: list[Field]) -> bool:
    """Whether a person's program has answered, who has got the message then. (RFC 3834 §5)"""
    words = {field.name: value(field).lower() for field in fields}
    is_answer = b"in-reply-to" in words and words.get(b"auto-submitted", b"").startswith(_AUTOMATIC)
    return is_answer and b"x-failed-recipients" not in words


def _is_passing(body: bytes) -> bool:
    """Whether a delivery status notification reports no failure. (RFC 3464 §2.3.3)"""
    lines = [line.partition(b":") for line in body.lower().split(b"\n") if line.startswith(b"action:")]
    return bool(lines) and all(word.strip() in _PASSING for _, _, word in lines)
