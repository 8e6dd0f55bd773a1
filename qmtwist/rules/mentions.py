"""Whom a header names as its recipients, as far as that can be told; never an error. (mess822 iftocc)"""

from __future__ import annotations

from qmtwist.mail.addresstokens import COLON, COMMA, COMMENT, LEFT, RIGHT, SEMICOLON, WORDS, Token, tokenize, unquote
from qmtwist.mail.header import Field
from qmtwist.mail.shapes import Collection, Iterable, Iterator

LIMIT_BYTES = 1 << 20
"""How much of the fields is looked at: some thirty thousand addresses."""


def mentions(fields: Iterable[Field], names: Collection[bytes]) -> Iterator[bytes]:
    """The addresses in fields of these names, as an envelope would have them; a bare name is one, too.

    >>> raw = b'To: Joe <joe@host>, team: "ann"@host (Ann), bob;\\n'
    >>> list(mentions([Field(b"to", raw)], [b"to", b"cc"]))
    [b'joe@host', b'ann@host', b'bob']
    """
    left = LIMIT_BYTES
    for field in fields:
        if field.name in names and left > 0:
            value = field.raw.partition(b":")[2][:left]
            left -= len(value)
            for address in _addresses(tokenize(value, is_tolerant=True)):
                yield unquote(address)


def _addresses(tokens: list[Token]) -> Iterator[list[Token]]:
    found: list[list[Token]] = []  # since the last separator: addresses, or the name of one if a bracket follows
    may_join = False
    for token in tokens:
        kind = token.kind
        if kind == COMMENT:
            continue
        if kind in (LEFT, COLON):  # before it stood a name, or a route
            found = []
        elif kind in (COMMA, SEMICOLON, RIGHT):
            yield from found
            found = []
        elif found and (may_join or kind not in WORDS):
            found[-1].append(token)
        else:
            found.append([token])
        may_join = kind not in WORDS
    yield from found


def is_recipient(fields: Iterable[Field], wanted: Iterable[bytes]) -> bool:
    """Whether To or Cc names one of these addresses, in capitals or not. A name without a host is nobody's address.

    >>> is_recipient([Field(b"cc", b"Cc: Me@Host.Example\\n")], [b"me@host.example"])
    True
    """
    lowered = {address.lower() for address in wanted}
    return any(b"@" in address and address.lower() in lowered for address in mentions(fields, (b"to", b"cc")))
