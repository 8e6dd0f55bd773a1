"""Addresses as they are typed, completed: defaulthost, defaultdomain, plusdomain. (qmail-header(5))"""

from __future__ import annotations

from qmtwist.mail.address import quote
from qmtwist.mail.addresstokens import AT, ATOM, COLON, DOT, LITERAL, Token, tokenize, unquote
from qmtwist.mail.errors import Malformed, Permanent
from qmtwist.mail.shapes import NamedTuple

_NO_LINE_ENDS = bytes(32 if byte in b"\r\n" else byte for byte in range(256))


class Unparsable(Permanent):
    """A line or an address that must be understood is not; `complaint` is for the caller, as bytes."""

    def __init__(self, complaint: bytes) -> None:
        super().__init__(complaint.decode("latin-1"), "5.1.3")
        self.complaint = complaint


class Hosts(NamedTuple):
    """The four names that complete addresses and message ids, from control files or the environment."""

    defaulthost: bytes
    defaultdomain: bytes
    plusdomain: bytes
    idhost: bytes


class Rewriter:
    """Completes addresses: defaulthost, defaultdomain, plusdomain; source routes are dropped."""

    def __init__(self, hosts: Hosts) -> None:
        """:raises Unparsable: one of the hosts is no host."""
        self._defaulthost = _tokens(b"@" + one_line(hosts.defaulthost))
        self._defaultdomain = _tokens(b"." + one_line(hosts.defaultdomain))
        self._plusdomain = _tokens(b"." + one_line(hosts.plusdomain))

    def rewrite(self, address: list[Token]) -> list[Token]:
        """One address, its tokens in reading order. Case is never changed, an empty address stays empty."""
        if not address or (address[-1] == (LITERAL, b"") and address[-2:-1] == [(AT, b"")]):
            return address
        if address[0].kind == AT:
            colon = next((at for at, token in enumerate(address) if token.kind == COLON), len(address))
            address = address[colon + 1 :]
        for ending in (DOT, AT):
            if address and address[-1].kind == ending:
                address = address[:-1]
        return self._completed(address) if address else address

    def _completed(self, address: list[Token]) -> list[Token]:
        if all(token.kind != AT for token in address):
            address = address + self._defaulthost
        last = address[-1]
        if last.kind == ATOM and last.text[-1:] == b"+":
            address = [*address[:-1], Token(ATOM, last.text[:-1]), *self._plusdomain]
        at = max((place for place, token in enumerate(address) if token.kind == AT), default=-1)
        if any(token.kind in (DOT, LITERAL) for token in address[at + 1 :]):
            return address
        return address + self._defaultdomain

    def plain(self, text: bytes) -> bytes:
        """An address given outside a header: everything before its last `@` is the local part, whatever it holds.

        :raises Unparsable: the host is no host.
        """
        return unquote(self.rewrite(_tokens(quote(text))))


def one_line(text: bytes) -> bytes:
    """Text of the environment for a header field: a line end in it would let it make fields of its own."""
    return text.translate(_NO_LINE_ENDS)


def _tokens(text: bytes) -> list[Token]:
    try:
        return tokenize(text)
    except Malformed as error:
        raise Unparsable(b"unable to parse this line:\n" + text) from error
