"""Many messages as one: by subject, with a table of contents, in one of several forms. (ezmlm-get)"""

from __future__ import annotations

from qmtwist.mail.decodedword import decoded_words
from qmtwist.mail.header import Field
from qmtwist.mail.shapes import Iterable, NamedTuple

from .answer import last_boundary, text_part
from .threads import Entry
from .wanted import FORMS

SHOWN_FIELDS = (
    b"from", b"to", b"subject", b"reply-to", b"date", b"message-id", b"cc", b"mime-version", b"content-type",
    b"content-transfer-encoding",
)  # fmt: skip
"""The fields of a message that are shown, if the list does not say which."""
_PLAIN_FIELDS = (b"date", b"to", b"from", b"cc", b"subject", b"message-id", b"keywords")  # RFC 1153, in this order
_PREAMBLE_END, _MESSAGE_END = b"-" * 70, b"-" * 30
_NAME = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+-_")


class Words(NamedTuple):
    """What is said in a collection, in the list's language; `<#1#>` is the author."""

    administrivia: bytes = b"Administrivia:"
    by: bytes = b"by: <#1#>"
    no_subject: bytes = b"(no subject)"


class Look(NamedTuple):
    """How a collection looks: `form` is one of FORMS, `names` the fields of its messages that are shown."""

    form: bytes
    local: bytes
    boundary: bytes
    names: tuple[bytes, ...] = SHOWN_FIELDS
    words: Words = Words()

    @property
    def is_plain(self) -> bool:
        """Whether it is one text. (RFC 1153)"""
        return self.form == b"r"

    @property
    def is_threaded(self) -> bool:
        """Whether messages stand with those of the same subject."""
        return self.form != b"n"

    @property
    def kind(self) -> bytes:
        """The fields that say what it is."""
        if self.is_plain:
            return b"text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit"
        word = b"mixed" if self.form == b"x" else b"digest"
        return b"multipart/%s; boundary=%s\nContent-Transfer-Encoding: 8bit" % (word, self.boundary)


def form_of(*wishes: bytes) -> bytes:
    """The first of some wishes that is a form, by its first letter.

    >>> form_of(b"", b"Q", b"Rfc"), form_of(b"")
    (b'r', b'm')
    """
    return next((wish[:1].lower() for wish in wishes if wish[:1].lower() in FORMS), b"m")


def threads(found: Iterable[Entry]) -> list[list[Entry]]:
    """Messages by thread, in the order of the first one of each.

    >>> found = [Entry(number, 0, key, b"", b"", b"") for number, key in ((1, b"a"), (2, b"b"), (3, b"a"))]
    >>> [[entry.number for entry in thread] for thread in threads(found)]
    [[1, 3], [2]]
    """
    kept: dict[bytes, list[Entry]] = {}
    for entry in found:
        kept.setdefault(entry.subject_hash, []).append(entry)
    return list(kept.values())


def contents(kept: list[list[Entry]], words: Words) -> bytes:
    r"""The table of contents.

    >>> thread = [Entry(3, 0, b"k", b"=?utf-8?q?Zo=C3=AB?=", b"", b"Joe"), Entry(5, 0, b"k", b"", b"", b"Ann")]
    >>> contents([thread], Words())
    b'\nZo\xc3\xab\n\t3 by: Joe\n\t5 by: Ann\n'
    """
    lines: list[bytes] = []
    for thread in kept:
        lines += [b"\n", _shown(thread[0].subject) or words.no_subject, b"\n"]
        for entry in thread:
            lines.append(b"\t%d %s\n" % (entry.number, words.by.replace(b"<#1#>", _shown(entry.author))))
    return b"".join(lines)


def introduction(look: Look, subject: bytes, table: bytes, administrivia: bytes) -> bytes:
    """What stands before the messages."""
    text = b"%s\n\n%s\n%s\n\n%s" % (_shown(subject), table, look.words.administrivia, administrivia)
    text += b"" if text[-1:] == b"\n" else b"\n"
    return text + b"\n" + _PREAMBLE_END + b"\n\n" if look.is_plain else text_part(look.boundary, text)


def message(look: Look, number: int, fields: list[Field], rest: bytes) -> bytes:
    """A message of the archive in a collection that is no plain text; `rest` begins with the empty line."""
    names = frozenset(look.names)
    shown = [field.raw for field in fields if look.form in (b"v", b"n") or field.name in names]
    name = bytes([byte if byte in _NAME else 95 for byte in look.local])
    start = b'--%s\nContent-Type: message/rfc822\nContent-Disposition: inline; filename="%s_%d.eml"\n'
    text = b"".join(shown) + (rest or b"\n")
    encoding = b"" if text.isascii() else b"Content-Transfer-Encoding: 8bit\n"  # RFC 2046 §5.2.1
    return start % (look.boundary, name, number) + encoding + b"\n" + text + b"\n"


def plain_message(fields: list[Field], text: bytes) -> bytes:
    r"""A message in a collection that is plain text, which is `text`: no line of it ends the message. (RFC 1153)

    >>> plain_message([Field(b"x", b"X: y\n"), Field(b"subject", b"Subject: s\n")], b"\n\na\n" + b"-" * 30 + b"\n")
    b'Subject: s\n\na\n ------------------------------\n\n------------------------------\n\n'
    """
    shown = [field.raw for name in _PLAIN_FIELDS for field in fields if field.name == name]
    head = b"".join([_shown(raw) + b"\n" for raw in shown])
    lines = [b" " + line if line.startswith(_MESSAGE_END) else line for line in text.strip(b"\r\n").split(b"\n")]
    return head + b"\n" + b"\n".join(lines) + b"\n\n" + _MESSAGE_END + b"\n\n"


def missing(look: Look, number: int, text: bytes) -> bytes:
    """What stands for a message that is not there."""
    if look.is_plain:
        return b"== %d ==\n\n%s\n%s\n\n" % (number, text, _MESSAGE_END)
    return text_part(look.boundary, text)


def end(look: Look) -> bytes:
    """What ends it."""
    if not look.is_plain:
        return last_boundary(look.boundary)
    line = b"End of %s Digest" % look.local
    return line + b"\n" + b"*" * len(line) + b"\n"


def _shown(text: bytes) -> bytes:
    """The text of a field on one line, as UTF-8."""
    shown = decoded_words(b" ".join(text.split()))
    return "".join([letter if letter.isprintable() else " " for letter in shown]).encode("utf-8", "replace")
