"""A policy record in its terms. The whole record is read before any of it counts. (RFC 7208 §4.6, §12)"""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network

from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import Iterable, NamedTuple

from .macros import has_only_letters, is_macro_string

RECORD_BYTES = 8192  # of a record; what is longer was not written for its readers

VERSION = b"v=spf1"
PASS, FAIL, SOFTFAIL, NEUTRAL = "pass", "fail", "softfail", "neutral"
QUALIFIERS = {b"+": PASS, b"-": FAIL, b"~": SOFTFAIL, b"?": NEUTRAL}

_MECHANISM = re.compile(rb"([-+?~]?)([A-Za-z][A-Za-z0-9._-]*)([:/].*)?\Z", re.S)
_MODIFIER = re.compile(rb"([A-Za-z][A-Za-z0-9._-]*)=(.*)\Z", re.S)
_NUMBER = rb"(0|[1-9][0-9]{0,2})"
_TARGET = re.compile(rb"(?::(.*?))?(?:/" + _NUMBER + rb")?(?://" + _NUMBER + rb")?\Z", re.S)
# RFC 7208 §7.1: a domain ends in a label that is not a number, or in a macro
_DOMAIN_END = re.compile(
    rb"(\.([A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*|[A-Za-z0-9]+-[A-Za-z0-9-]*[A-Za-z0-9])\.?|%\{[^}]*\}|%%|%_|%-)\Z"
)


class Mechanism(NamedTuple):
    """`domain` may have macros, None: the current one; `bits` are how much of an IPv4 and IPv6 address must agree."""

    result: str  # if it matches
    name: str
    domain: bytes | None = None
    bits: tuple[int, int] = (32, 128)
    network: IPv4Network | IPv6Network | None = None  # of ip4 and ip6
    text: bytes = b""  # as it was written


class Record(NamedTuple):
    """What a domain says. `redirect` and `explanation` may have macros."""

    mechanisms: tuple[Mechanism, ...]
    redirect: bytes | None = None
    explanation: bytes | None = None


def is_record(text: bytes) -> bool:
    """Whether a TXT record is a policy. (RFC 7208 §4.5)

    >>> is_record(b"v=spf1"), is_record(b"V=SPF1 -all"), is_record(b"v=spf10 -all")
    (True, True, False)
    """
    return text[: len(VERSION)].lower() == VERSION and text[len(VERSION) :][:1] in (b"", b" ")


def select(texts: Iterable[bytes]) -> bytes | None:
    """The policy among the TXT records of a domain; None: it has none.

    :raises Malformed: it has several.
    """
    found = [text for text in texts if is_record(text)]
    if len(found) > 1:
        raise Malformed("it has several SPF records")
    return found[0] if found else None


def parse(text: bytes) -> Record:
    """The terms of a record.

    :raises Malformed: something in it is wrong, so none of it counts.

    >>> parse(b"v=spf1 a:%{d}/24 -all").mechanisms[0].bits
    (24, 128)
    """
    if len(text) > RECORD_BYTES:
        raise Malformed("its SPF record is too long")
    mechanisms: list[Mechanism] = []
    modifiers: dict[bytes, bytes] = {}
    for word in text[len(VERSION) :].split(b" "):
        modifier = _MODIFIER.match(word)
        if modifier is not None:
            _take_modifier(modifiers, modifier[1].lower(), modifier[2])
        elif word:
            mechanisms.append(_mechanism(word))
    return Record(tuple(mechanisms), modifiers.get(b"redirect"), modifiers.get(b"exp"))


def _take_modifier(modifiers: dict[bytes, bytes], name: bytes, value: bytes) -> None:
    if name in (b"redirect", b"exp"):
        if name in modifiers:
            raise Malformed(f"its SPF record has {name.decode()}= twice")
        _check_domain(value)
    elif not is_macro_string(value):
        raise Malformed("its SPF record has a wrong macro")
    modifiers[name] = value


def _mechanism(word: bytes) -> Mechanism:
    found = _MECHANISM.match(word)
    if found is None:
        raise Malformed(f"its SPF record has {shown(word)}")
    name, rest = found[2].lower().decode(), found[3] or b""
    made = Mechanism(QUALIFIERS[found[1] or b"+"], name, text=word)
    if name in ("ip4", "ip6"):
        return made._replace(network=_network(word, name, rest))
    if name == "all" and not rest:
        return made
    target = _TARGET.match(rest)
    if target is None or name not in ("a", "mx", "ptr", "exists", "include"):
        raise Malformed(f"its SPF record has {shown(word)}")
    domain = target[1]
    if domain is not None:
        _check_domain(domain)
    elif name in ("exists", "include"):
        raise Malformed(f"its SPF record has {shown(word)}")
    bits = int(target[2] or 32), int(target[3] or 128)
    has_bits = target[2] is not None or target[3] is not None
    if (has_bits and name not in ("a", "mx")) or bits[0] > 32 or bits[1] > 128:
        raise Malformed(f"its SPF record has {shown(word)}")
    return made._replace(domain=domain, bits=bits)


def _network(word: bytes, name: str, rest: bytes) -> IPv4Network | IPv6Network:
    address, slash, bits = rest[1:].partition(b"/")
    is_number = bits.isdigit() and (bits == b"0" or bits[:1] != b"0") and len(bits) < 4
    try:
        if rest[:1] != b":" or (slash and not is_number):
            raise ValueError
        length = bits.decode() or ("32" if name == "ip4" else "128")
        kind = IPv4Network if name == "ip4" else IPv6Network
        return kind(f"{address.decode('ascii')}/{length}", strict=False)
    except ValueError:
        raise Malformed(f"its SPF record has {shown(word)}") from None


def _check_domain(text: bytes) -> None:
    """:raises Malformed: it can be no domain."""
    if not (is_macro_string(text) and has_only_letters(text, b"slodiphv") and _DOMAIN_END.search(text)):
        raise Malformed(f"its SPF record has {shown(text) or 'an empty domain'}")


def shown(text: bytes) -> str:
    r"""A part of a record for a log or a reply.

    >>> shown(b"a:\xc3\xa4")
    'a:??'
    """
    return "".join(chr(byte) if 32 < byte < 127 else "?" for byte in text[:60])
