"""Whether receivers would refuse a posting because of its From field, and the field that it gets then. (DMARC)

A domain's owner can tell receivers to refuse mail From it that neither its hosts nor its signature vouch for. A list
sends from its own host, and what it adds may break the signature: so such mail goes out in the name of the list. The
first record on the way up from the domain counts: that needs no list of public suffixes. (RFC 7489 §6.3, §6.6.3)
"""

from __future__ import annotations

from qmtwist.mail.address import quote
from qmtwist.mail.addresslist import addresses
from qmtwist.mail.addresstokens import tokenize, unquote
from qmtwist.mail.dns import Answer, Kind, Question, Status
from qmtwist.mail.encodedword import encoded_words, must_be_encoded
from qmtwist.mail.errors import Malformed
from qmtwist.mail.header import Field

from .heading import value

_LOOKUPS = 8  # at most, whatever somebody writes behind the @
_NAME_BYTES = 200
_REFUSING = (b"reject", b"quarantine")


def domains(fields: list[Field]) -> list[bytes]:
    """The domains of a message's authors, in lower case; none if the field cannot be understood."""
    try:
        found = [address for field in fields if field.name == b"from" for address in _authors(field)]
    except Malformed:
        return []
    names = [address.rpartition(b"@")[2].lower().rstrip(b".") for address in found if b"@" in address]
    return [name for name in dict.fromkeys(names) if name and name[:1] != b"["]


def questions(domain: bytes) -> tuple[Question, ...]:
    """What to ask about a domain: itself, and the names above it.

    >>> [question.name.decode() for question in questions(b"a.example.org")]
    ['_dmarc.a.example.org', '_dmarc.example.org', '_dmarc.org']
    """
    labels = domain.split(b".")
    names = [labels, *[labels[at:] for at in range(max(1, len(labels) - _LOOKUPS + 1), len(labels))]]
    return tuple(Question(b"_dmarc." + b".".join(name), Kind.TXT) for name in names)


def is_protected(answers: tuple[Answer, ...]) -> bool:
    """Whether receivers are to refuse mail in the name of a domain, by the answers to its questions.

    If nobody knows, they may be: a posting in the name of the list arrives in any case.
    """
    for at, answer in enumerate(answers):
        if answer.status is Status.TROUBLE:
            return True
        found = [tags for tags in map(_tags, answer.records) if tags.get(b"v") == b"dmarc1"]
        if len(found) == 1:  # several are none
            own = found[0].get(b"p", b"none")
            return (found[0].get(b"sp", own) if at else own) in _REFUSING
    return False


def in_name_of_list(fields: list[Field], local: bytes, host: bytes, has_reply_to: bool) -> list[Field]:
    r"""The fields with the list as the author. Answers go to the author still, unless `has_reply_to` says otherwise.

    >>> fields = [Field(b"from", b"From: Joe <joe@x.y>\n")]
    >>> for field in in_name_of_list(fields, b"friends", b"h.dom", False): print(field.raw.decode(), end="")
    From: "Joe via friends" <friends@h.dom>
    Reply-To: Joe <joe@x.y>
    X-Original-From: Joe <joe@x.y>
    """
    first = next(field for field in fields if field.name == b"from")
    before = fields[: fields.index(first)]
    after = [field for field in fields[len(before) :] if field.name != b"from"]
    address = quote(local + b"@" + host)
    made = [Field(b"from", b"From: %s <%s>\n" % (_name(first, local), address))]
    written = first.raw.partition(b":")[2]
    if not has_reply_to and not any(field.name == b"reply-to" for field in fields):
        made.append(Field(b"reply-to", b"Reply-To:" + written))
    return [*before, *made, Field(b"x-original-from", b"X-Original-From:" + written), *after]


def _authors(field: Field) -> list[bytes]:
    """:raises Malformed: it is no list of addresses."""
    return [unquote(address) for address in addresses(tokenize(value(field), True))]


def _tags(record: bytes) -> dict[bytes, bytes]:
    r"""The tags of a record; of two with one name the first counts.

    >>> _tags(b"v=DMARC1; p=Reject ;; sp = none")
    {b'v': b'dmarc1', b'p': b'reject', b'sp': b'none'}
    """
    tags: dict[bytes, bytes] = {}
    for part in record.lower().split(b";"):
        name, equals, text = part.partition(b"=")
        if equals:
            tags.setdefault(name.strip(), text.strip())
    return tags


def _name(field: Field, local: bytes) -> bytes:
    """What is shown as the author's name: words of a phrase."""
    text = value(field)
    name, bracket, _ = text.partition(b"<")
    name = name.strip().strip(b'"').replace(b"\\", b"") if bracket else b""
    shown = (name or text.partition(b"@")[0].strip(b'<"'))[:_NAME_BYTES]
    via = b"via " + local
    if b"=?" in shown and not shown.translate(None, _ENCODED):
        return shown + b" " + _string(via)
    if must_be_encoded(shown):
        return b"\n ".join(encoded_words(shown)) + b"\n " + _string(via)
    return _string(shown + b" " + via)


_ENCODED = b"=?_*+-/!' \t0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _string(text: bytes) -> bytes:
    return b'"%s"' % text.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
