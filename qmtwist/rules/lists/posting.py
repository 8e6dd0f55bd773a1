"""What a posting looks like: the fields that a list adds and takes away, the prefix of its subject, its trailer.

A list's files `prefix` and `text/trailer` are those of ezmlm-idx.
"""

from __future__ import annotations

from qmtwist.mail.header import Field
from qmtwist.mail.shapes import NamedTuple

from .author import in_name_of_list
from .heading import value
from .oneclick import not_personal


class Dress(NamedTuple):
    """How a list dresses its messages."""

    local: bytes
    host: bytes
    mailinglist: bytes  # empty: a sublist, whose messages have that field
    add: bytes
    remove: frozenset[bytes]
    prefix: bytes = b""
    trailer: bytes = b""

    @property
    def mark(self) -> bytes:
        """What the list's Delivered-To field says."""
        return b"mailing list %s@%s" % (self.local, self.host)

    def numbered(self, number: int) -> Dress:
        """The same for the message with this number, which fields and trailer may name."""
        said = b"%d" % number
        return self._replace(add=self.add.replace(b"<#n#>", said), trailer=self.trailer.replace(b"<#n#>", said))


class Posting(NamedTuple):
    """The header of a posting as subscribers get it, and as the archive keeps it, and what follows the body."""

    sent: bytes
    kept: bytes
    trailer: bytes


def envelope_sender(local: bytes, host: bytes, number: int) -> bytes:
    """The sender of a posting: each subscriber gets one of their own.

    >>> envelope_sender(b"list", b"h.dom", 7)
    b'list-return-7-@h.dom-@[]'
    """
    return b"%s-return-%d-@%s-@[]" % (local, number, host)


def dress(fields: list[Field], sender: bytes, clothes: Dress, is_hidden: bool = False) -> Posting:
    """The header of a message as it goes out, with `is_hidden` in the name of the list, and as it is kept."""
    first = b"Mailing-List: %s\n" % clothes.mailinglist if clothes.mailinglist else b""
    mark = b"Delivered-To: %s\n" % clothes.mark
    kept = [field for field in not_personal(fields) if field.name not in clothes.remove]
    body = b"".join([field.raw for field in kept])
    if is_hidden and any(field.name == b"from" for field in kept):
        has_reply_to = b"\nreply-to:" in b"\n" + clothes.add.lower()
        kept = in_name_of_list(kept, clothes.local, clothes.host, has_reply_to)
    is_plain = _takes_trailer(fields, clothes.trailer)
    path = b"Return-Path: <%s>\n" % sender.replace(b"\n", b"_")
    return Posting(
        first + clothes.add + mark + _prefixed(kept, clothes.prefix),
        path + first + mark + body,
        b"\n" + clothes.trailer + b"\n" if clothes.trailer and is_plain else b"",
    )


def _prefixed(fields: list[Field], prefix: bytes) -> bytes:
    """The fields, the subject with its prefix last."""
    subjects = [field for field in fields if field.name == b"subject"]
    if not prefix or (subjects and prefix.lower() in value(subjects[0]).lower()):
        return b"".join([field.raw for field in fields])
    others = b"".join([field.raw for field in fields if field.name != b"subject"])
    text = subjects[0].raw.partition(b":")[2] if subjects else b"\n"
    return others + b"Subject: " + prefix + (text if text[:1] in b" \t\n" else b" " + text)


def _takes_trailer(fields: list[Field], trailer: bytes) -> bool:
    """Whether some lines of text can be put behind the body: it is text, not encoded, and in the same characters."""
    values = {field.name: value(field).lower() for field in fields}
    kind = values.get(b"content-type", b"text/plain")
    encoding = values.get(b"content-transfer-encoding", b"")
    is_readable = trailer.isascii() or b"charset=utf-8" in kind.replace(b'"', b"").replace(b" ", b"")
    return kind.startswith(b"text/plain") and encoding in (b"", b"7bit", b"8bit") and is_readable
