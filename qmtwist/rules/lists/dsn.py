"""Bounces that do not say by their own address whose they are: which addresses they name, in whatever form.

Most hosts write delivery status notifications: a part of the message has a paragraph of fields for each recipient (RFC
3464). qmail names them in its text (QSBMF), and Exim of old in a field of the header.
"""

from __future__ import annotations

from qmtwist.mail.header import Field
from qmtwist.mail.shapes import Iterator, NamedTuple

from .bounce import LIMIT_ADDRESSES
from .bounce import failures as named_by_qmail
from .heading import cut, value

_PARTS = 50  # of a message that are looked at
_DEPTH = 4  # of parts in parts
_START_BYTES = 16384  # of the header that are kept with each of several addresses
_STATUS = (b"message/delivery-status", b"message/global-delivery-status")
_EXIM = b"x-failed-recipients"
_NO_FAILURE = (b"delay", b"warning", b"deferred")


class Failure(NamedTuple):
    """Somebody who has not got a message. The first of `addresses` that is known is theirs: where it was sent, and
    where it went in the end. `text` is the part of the bounce that is about them alone.
    """

    addresses: tuple[bytes, ...]
    text: bytes


def failures(message: bytes) -> list[Failure]:
    """Whom a bounce names, and for whom it is no notice of success or delay.

    >>> report = b"Content-Type: multipart/report; boundary=b\\n\\n--b\\nContent-Type: message/delivery-status\\n\\n"
    >>> report += b"Reporting-MTA: dns; h\\n\\nFinal-Recipient: rfc822; ann@x.y\\nAction: failed\\n--b--\\n"
    >>> [failure.addresses for failure in failures(report)]
    [(b'ann@x.y',)]
    """
    message = message.replace(b"\r\n", b"\n")
    found = [Failure((address,), text) for address, text in named_by_qmail(message)]
    if found:
        return found
    groups = [group for status in _statuses(message, _DEPTH) for group in _groups(status)]
    found = _in_groups(message, groups)
    if not found and all(_word(cut(group).fields, b"action").lower() in (b"", b"failed") for group in groups):
        found = _in_header(message)
    if len(found) == 1:  # nobody else's business is in it
        return [found[0]._replace(text=message)]
    return found[:LIMIT_ADDRESSES]


def _groups(status: bytes) -> list[bytes]:
    """The paragraphs of a part: the first is about the message, each other one about a recipient."""
    lines = [line if line.strip() else b"" for line in status.strip().split(b"\n")]
    paragraphs = b"\n".join(lines).split(b"\n\n", LIMIT_ADDRESSES)[:LIMIT_ADDRESSES]
    return [paragraph.strip(b"\n") + b"\n" for paragraph in paragraphs]


def _in_groups(message: bytes, groups: list[bytes]) -> list[Failure]:
    fields = [field for field in cut(message).fields if field.name != _EXIM] if groups else []
    start = b"".join([field.raw for field in fields])[:_START_BYTES] + b"\n"
    found = []
    for group in groups:
        about = cut(group).fields
        addresses = _addresses(about)
        if addresses and _word(about, b"action").lower() == b"failed":
            found.append(Failure(addresses, start + group))
    return found


def _in_header(message: bytes) -> list[Failure]:
    """The field by which Exim names them; Google's notices of delays have it too."""
    fields = cut(message).fields
    subject = _word(fields, b"subject").lower()
    if any(word in subject for word in _NO_FAILURE):
        return []
    names = [name.strip() for field in fields if field.name == _EXIM for name in value(field).split(b",")]
    start = b"".join([field.raw for field in fields if field.name != _EXIM])[:_START_BYTES]
    return [Failure((name,), start + b"X-Failed-Recipients: %s\n\n" % name) for name in names if b"@" in name]


def _addresses(group: list[Field]) -> tuple[bytes, ...]:
    """Where the message was sent, and where it went."""
    found: list[bytes] = []
    for name in (b"original-recipient", b"final-recipient"):
        kind, semicolon, address = _word(group, name).partition(b";")
        if not semicolon:
            kind, address = b"rfc822", kind
        address = address.strip().strip(b"<>")
        if kind.strip().lower() in (b"rfc822", b"utf-8") and b"@" in address:
            found += [address, _decoded(address)]
    return tuple(dict.fromkeys(found))


def _decoded(address: bytes) -> bytes:
    """An address in which a host has left the code for what MAIL and RCPT cannot say (xtext, RFC 3461 §4)."""
    first, *rest = address.split(b"+")
    parts = [first]
    for part in rest:
        code = part[:2]
        is_code = len(code) == 2 and not code.translate(None, b"0123456789ABCDEF")
        parts.append(bytes([int(code, 16)]) + part[2:] if is_code else b"+" + part)
    return b"".join(parts)


def _statuses(message: bytes, depth: int) -> Iterator[bytes]:
    """The parts of a message that are made for programs like this one."""
    fields, rest = cut(message)
    kind = _word(fields, b"content-type")
    if kind.lower().startswith(_STATUS):
        yield _plain(rest, _word(fields, b"content-transfer-encoding").lower())
    boundary = _boundary(kind)
    if not boundary or not depth:
        return
    for part in (b"\n" + rest).split(b"\n--" + boundary, _PARTS)[1:]:
        line, _, text = part.partition(b"\n")
        if line[:2] == b"--":
            return
        if not line.strip():
            yield from _statuses(text, depth - 1)


def _boundary(kind: bytes) -> bytes:
    """What separates the parts; empty if there are none."""
    if not kind.lower().startswith(b"multipart/"):
        return b""
    at = kind.lower().find(b"boundary=")
    if at < 0:
        return b""
    text = kind[at + len(b"boundary=") :]
    return text[1:].partition(b'"')[0] if text[:1] == b'"' else text.partition(b";")[0].strip()


def _plain(text: bytes, encoding: bytes) -> bytes:
    if encoding not in (b"base64", b"quoted-printable"):
        return text
    from binascii import Error, a2b_base64, a2b_qp

    try:
        plain = a2b_base64(text) if encoding == b"base64" else a2b_qp(text)
    except Error:
        return text
    return plain.replace(b"\r\n", b"\n")


def _word(fields: list[Field], name: bytes) -> bytes:
    return next((value(field) for field in fields if field.name == name), b"")
