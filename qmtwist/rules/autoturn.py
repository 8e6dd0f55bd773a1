"""Whose mail waits in which maildir, to be sent back when he connects: the lines of control/autoturn. (serialmail)

`CLIENT:MAILDIR[:PROTOCOL][:PORT]`. CLIENT is an address or a block as in tcprules (IPv6 in brackets), PROTOCOL `smtp`
or `qmtp`. The messages in MAILDIR are delivered to addresses with a prefix, which is taken off again: for
`autoturn/192.0.2.7` it is `autoturn-192.0.2.7-`, or write `PREFIX=MAILDIR`. The prefix is a local part, too: whoever
it belongs to by users/assign owns the maildir, and a path that does not begin with `/` begins in his home.
"""

from __future__ import annotations

from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import NamedTuple, Sequence

from .clienttable import ClientTable, split_key

PORTS = {b"smtp": 25, b"qmtp": 209}
NOT_OFTENER_S = 60.0  # after a run that left something


class Customer(NamedTuple):
    """A client with a maildir. `prefix` is also the local part that says whose it is."""

    prefix: bytes
    maildir: bytes
    protocol: bytes
    port: int


class Customers:
    """All lines of the file."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        """:raises Malformed: the first line that cannot be understood."""
        parsed = [parse_line(line) for line in lines]
        self._customers = [customer for _, customer in parsed]
        self._table = ClientTable([key for key, _ in parsed])

    def find(self, ip: bytes) -> Customer | None:
        """Who this client is, if it is one.

        >>> Customers([b"10.0.0.0/8:lan:qmtp"]).find(b"10.1.2.3")
        Customer(prefix=b'autoturn-lan-', maildir=b'lan', protocol=b'qmtp', port=209)
        """
        place = self._table.find(ip)
        return None if place is None else self._customers[place]


def parse_line(line: bytes) -> tuple[bytes, Customer]:
    """Client and customer of a line.

    :raises Malformed: it has no maildir, another protocol, or no port where one should be.

    >>> parse_line(b"192.0.2.7:alias-ppp-=pppdir:2525")
    (b'192.0.2.7', Customer(prefix=b'alias-ppp-', maildir=b'pppdir', protocol=b'smtp', port=2525))
    """
    key, rest = split_key(line)
    where, *words = rest.split(b":")
    protocol = words.pop(0).lower() if words and words[0].lower() in PORTS else b"smtp"
    port = PORTS[protocol]
    if words and words[0].isdigit() and 0 < int(words[0][:6]) < 65536:
        port = int(words.pop(0)[:6])
    prefix, is_named, maildir = where.partition(b"=")
    if not is_named:
        maildir, name = where, where.rstrip(b"/").rpartition(b"/")[2]
        prefix = b"autoturn-%s-" % name if name else b""
    if words or not prefix or not maildir or b"\0" in where:
        raise Malformed("this is not client:maildir[:smtp|qmtp][:port]")
    return key, Customer(prefix, maildir, protocol, port)


def covers(names: bytes, node: bytes) -> bool:
    """Whether the variable ETRN of a client's rule names a domain: nothing in it stands for all.

    >>> [covers(names, b"a.example") for names in (b"", b"b.example,a.example", b".example", b"b.example")]
    [True, True, True, False]
    """
    wanted = names.replace(b",", b" ").lower().split()
    return not wanted or any(node == name or (name[:1] == b"." and node.endswith(name)) for name in wanted)


def domain_matches(node: bytes, domain: bytes) -> bool:
    """Whether ETRN for `node` is about mail for `domain`: itself, or with `@` all below it, too. (RFC 1985 §5.3)

    >>> domain_matches(b"x.example", b"X.example"), domain_matches(b"@x.example", b"a.x.example")
    (True, True)
    """
    node, domain = node.lower(), domain.lower()
    if node[:1] == b"@":
        return domain == node[1:] or domain.endswith(b"." + node[1:])
    return domain == node
