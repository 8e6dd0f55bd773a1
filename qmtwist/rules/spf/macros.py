"""Macros of policy records: `%{ir}.%{v}._spf.%{d2}` and the like. (RFC 7208 §7)"""

from __future__ import annotations

import re

from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import NamedTuple

DOMAIN_BYTES = 253

_MACRO = re.compile(rb"%(?:\{([A-Za-z])([0-9]*)([rR]?)([-.+,/_=]*)\}|([%_-]))")
_LITERAL = re.compile(rb"[!-$&-~]*\Z")
_TEXT = re.compile(rb"[ !-$&-~]*\Z")  # of an explanation, which may have blanks
_LETTERS = b"slodiphcrtv"
_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PLAIN = {b"%": b"%", b"_": b" ", b"-": b"%20"}


class Values(NamedTuple):
    """What the letters stand for, but for the domain and `p`. `ip` is in its usual form."""

    sender: bytes
    ip: str
    helo: bytes
    receiver: bytes
    now: int


def is_macro_string(text: bytes) -> bool:
    """Whether every macro is one, and all the rest is visible ASCII.

    >>> is_macro_string(b"%{d}.x"), is_macro_string(b"%x"), is_macro_string(b"%{d0}"), is_macro_string(b"a b")
    (True, False, False, False)
    """
    return _is_made_of(text, _LITERAL)


def is_explanation(text: bytes) -> bool:
    """The same, with blanks."""
    return _is_made_of(text, _TEXT)


def _is_made_of(text: bytes, literal: re.Pattern[bytes]) -> bool:
    at = 0
    for macro in _MACRO.finditer(text):
        if not literal.match(text[at : macro.start()]) or not _is_known(macro):
            return False
        at = macro.end()
    return literal.match(text[at:]) is not None


def _is_known(macro: re.Match[bytes]) -> bool:
    letter, digits = macro[1], macro[2]
    return letter is None or (letter.lower() in _LETTERS and (not digits or 0 < int(digits[:9]) <= 128))


def letters(text: bytes) -> frozenset[bytes]:
    """The letters of the macros, in lower case.

    >>> sorted(letters(b"%{S}.%{d2r}.%%"))
    [b'd', b's']
    """
    return frozenset(macro[1].lower() for macro in _MACRO.finditer(text) if macro[1])


def has_only_letters(text: bytes, allowed: bytes) -> bool:
    """Whether no macro has another letter."""
    return all(letter in allowed for letter in letters(text))


def expand(text: bytes, values: Values, domain: bytes, validated: bytes = b"unknown") -> bytes:
    """The text with its macros replaced; `validated` is what `p` stands for.

    >>> values = Values(b"strong-bad@email.example.com", "192.0.2.3", b"mx.example.org", b"me", 0)
    >>> expand(b"%{ir}.%{v}._spf.%{d2}", values, b"email.example.com")
    b'3.2.0.192.in-addr._spf.example.com'
    """

    def replace(macro: re.Match[bytes]) -> bytes:
        if macro[5]:
            return _PLAIN[macro[5]]
        value = _value(macro[1].lower(), values, domain, validated)
        value = _transformed(value, int(macro[2] or b"0"), bool(macro[3]), macro[4] or b".")
        return _escaped(value) if macro[1].isupper() else value

    return _MACRO.sub(replace, text)


def expand_domain(text: bytes, values: Values, domain: bytes, validated: bytes = b"unknown") -> bytes:
    """The same for a domain: labels on its left are dropped until it is short enough for one."""
    name = expand(text, values, domain, validated).removesuffix(b".")
    while len(name) > DOMAIN_BYTES and b"." in name:
        name = name.partition(b".")[2]
    return name


def _value(letter: bytes, values: Values, domain: bytes, validated: bytes) -> bytes:
    local, _, host = values.sender.rpartition(b"@")
    match letter:
        case b"s":
            return values.sender
        case b"l":
            return local
        case b"o":
            return host
        case b"d":
            return domain
        case b"i":
            return _dotted(values.ip)
        case b"p":
            return validated
        case b"h":
            return values.helo
        case b"c":
            return values.ip.encode("ascii")
        case b"r":
            return values.receiver
        case b"t":
            return b"%d" % values.now
        case b"v":
            return b"ip6" if ":" in values.ip else b"in-addr"
    raise Malformed("no such macro")


def _dotted(ip: str) -> bytes:
    """An address as labels: IPv6 in nibbles."""
    if ":" not in ip:
        return ip.encode("ascii")
    from ipaddress import IPv6Address

    return b".".join(b"%c" % nibble for nibble in IPv6Address(ip).packed.hex().encode())


def _transformed(value: bytes, keep: int, is_reversed: bool, delimiters: bytes) -> bytes:
    if not keep and not is_reversed and delimiters == b".":
        return value
    parts = re.split(rb"[" + re.escape(delimiters) + rb"]", value)
    if is_reversed:
        parts.reverse()
    return b".".join(parts[-keep:])


def _escaped(value: bytes) -> bytes:
    return b"".join(b"%c" % byte if byte in _SAFE else b"%%%02X" % byte for byte in value)
