"""An automatic answer: its header, and the text of the owner with the subject put in. (RFC 3834 §3)"""

from __future__ import annotations

from qmtwist.mail.address import quote
from qmtwist.mail.date import rfc822
from qmtwist.mail.encodedword import encoded_words, must_be_encoded
from qmtwist.mail.errors import suppress
from qmtwist.mail.header import Field, HeaderReader, LineEnds
from qmtwist.mail.shapes import Iterable, NamedTuple, Sequence

SUBJECT = b"$SUBJECT"
DEFAULT = b"""
I cannot read your message "$SUBJECT" at present.
This is an automatic answer; you will get only one.
"""
_SUBJECT_BYTES = 300
_ID_BYTES = 250
_LIMIT_REFERENCES = 20
_LOOKED_AT_BYTES = 65536
# Ours, or nobody's, in an answer
_NOT_TAKEN = frozenset(
    b"to cc bcc apparently-to date message-id in-reply-to references auto-submitted return-path delivered-to received "
    b"sender resent-to resent-cc resent-bcc resent-from resent-sender resent-date resent-message-id mbox-line".split()
)


class Letter(NamedTuple):
    """What an answer is made of: `sender` to whom, `own` from which address, `template` the owner's text or nothing."""

    fields: Sequence[Field]
    sender: bytes
    own: bytes
    template: bytes
    now: int
    message_id: bytes
    copy: bytes | None = None  # who is told as well


def answer(letter: Letter) -> bytes:
    """The whole message that is sent back.

    :raises Malformed: the template begins with a header that never ends.
    """
    reader = HeaderReader()
    reader.receive(letter.template or DEFAULT)
    reader.eof()
    subject = subject_of(letter.fields) or b"(no subject)"
    ends = LineEnds(reader.has_crlf)
    body = (ends.convert(reader.rest) + ends.end()).replace(SUBJECT, subject) or b"\n"
    kept = [_kept(field, subject) for field in reader.fields if field.name not in _NOT_TAKEN]
    names = {field.name for field in reader.fields}
    shown = quote(letter.sender)
    header = [b"Date: %s\nMessage-ID: %s\n" % (rfc822(letter.now), letter.message_id)]
    if b"from" not in names:
        header.append(b"From: <%s>\n" % quote(letter.own))
    header.append(b"To: <%s>\n" % shown)
    if letter.copy is not None:
        header.append(b"Cc: <%s>\n" % quote(letter.copy))
    if b"subject" not in names:
        # RFC 3834 §3.1.5: the subject of what is answered, behind a word that tells what this is
        header.append(_subject_field(b"Auto: " + subject))
    header += [_thread(letter.fields), b"Auto-Submitted: auto-replied\n", *kept]
    if b"content-type" not in names:
        header.append(_mime(body))
    return b"".join(header) + body


def subject_of(fields: Iterable[Field]) -> bytes:
    """The subject on one line, without what could begin another, cut between words if it is long.

    >>> subject_of([Field(b"subject", b"Subject: Hello\\r\\n  there\\n")])
    b'Hello there'
    """
    for field in fields:
        if field.name == b"subject":
            words = field.raw.partition(b":")[2][:_LOOKED_AT_BYTES].translate(_SPACED).split()
            text = b" ".join(words)
            if len(text) > _SUBJECT_BYTES:
                text = text[:_SUBJECT_BYTES].rpartition(b" ")[0] or text[:_SUBJECT_BYTES]
            return text
    return b""


_SPACED = bytes([32 if byte < 32 or byte == 127 else byte for byte in range(256)])


def _subject_field(text: bytes) -> bytes:
    if must_be_encoded(text):
        text = b"\n ".join(encoded_words(text))
    return b"Subject: %s\n" % text


def _kept(field: Field, subject: bytes) -> bytes:
    """A field of the owner's."""
    raw = field.raw.replace(SUBJECT, subject)
    return _subject_field(raw.partition(b":")[2].strip()) if field.name == b"subject" else raw


def _mime(body: bytes) -> bytes:
    """What a text needs that is not ASCII."""
    if body.isascii():
        return b""
    charset = b"unknown-8bit"
    with suppress(UnicodeDecodeError):
        body.decode()
        charset = b"utf-8"
    return b"MIME-Version: 1.0\nContent-Type: text/plain; charset=%s\nContent-Transfer-Encoding: 8bit\n" % charset


def _thread(fields: Iterable[Field]) -> bytes:
    """In-Reply-To and References. (RFC 5322 §3.6.4)"""
    found: dict[bytes, list[bytes]] = {}
    for field in fields:
        if field.name in (b"message-id", b"references", b"in-reply-to"):
            found.setdefault(field.name, []).extend(message_ids(field.raw.partition(b":")[2]))
    own = found.get(b"message-id", [])[:1]
    if not own:
        return b""
    earlier = found.get(b"references") or []
    if not earlier and len(found.get(b"in-reply-to", [])) == 1:
        earlier = found[b"in-reply-to"]
    if len(earlier) > _LIMIT_REFERENCES:
        earlier = [earlier[0], *earlier[1 - _LIMIT_REFERENCES :]]
    return b"In-Reply-To: %s\nReferences: %s\n" % (own[0], b"\n ".join([*earlier, *own]))


def message_ids(value: bytes) -> list[bytes]:
    """Every `<...>` that can be a message's identifier.

    >>> message_ids(b" <1@a> (x) <bad one> <2@b>")
    [b'<1@a>', b'<2@b>']
    """
    found = []
    for piece in value[:_LOOKED_AT_BYTES].split(b"<")[1:]:
        text, end, _ = piece.partition(b">")
        is_plain = text and len(text) <= _ID_BYTES and not text.translate(None, _VISIBLE)
        if end and is_plain:
            found.append(b"<%s>" % text)
    return found


_VISIBLE = bytes(range(33, 127))
