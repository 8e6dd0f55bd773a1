"""Our own end of a connection to another host: control/outgoingip and control/outgoingfamilies.

A line of outgoingip is `address`, `:address` (both: for everybody) or `sender-domain:address`, the domain as in
smtproutes also `.suffix`. One address of each family may be given for each domain. An IPv6 address may stand in
brackets; it must where the domain before it could be read as a part of it.
"""

from __future__ import annotations

from qmtwist.mail import literal
from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import Iterable, Mapping

from .smarthost import look_up

IPV4 = "ipv4"
IPV6 = "ipv6"
Table = Mapping[str, Mapping[bytes, bytes]]  # family to domain to address


def parse(lines: Iterable[bytes]) -> Table:
    """The lines of control/outgoingip, each domain and family with its address. The last line of a pair counts.

    :raises Malformed: a line has no address in it; `text` says so.
    """
    table: dict[str, dict[bytes, bytes]] = {IPV4: {}, IPV6: {}}
    for line in lines:
        family, domain, address = parse_line(line)
        table[family][domain] = address
    return table


def parse_line(line: bytes) -> tuple[str, bytes, bytes]:
    """Family, lower-case sender domain (empty: everybody) and address of a line.

    :raises Malformed: there is no address in it.

    >>> parse_line(b"192.0.2.1"), parse_line(b"A.example:[2001:DB8::1]")
    (('ipv4', b'', b'192.0.2.1'), ('ipv6', b'a.example', b'2001:db8::1'))
    """
    domain, text = b"", line
    found = parse_address(line)
    if found is None:
        domain, _, text = line.partition(b":")
        found = parse_address(text)
    if found is None:
        raise Malformed("there is no IP address; write `address` or `sender-domain:address`")
    return found[0], domain.lower(), found[1]


def parse_address(text: bytes) -> tuple[str, bytes] | None:
    """Family and usual form of an IP address, with or without brackets; None if it is none.

    >>> parse_address(b"[::1]"), parse_address(b"1.2.3")
    (('ipv6', b'::1'), None)
    """
    if text[:1] == b"[" and text[-1:] == b"]":
        text = text[1:-1]
    address = literal.parse_address(text)
    return None if address is None else (family_of(address), address.encode())


def bind_address(table: Table, sender: bytes, family: str) -> str | None:
    """The address that mail of this sender leaves from, to a host of this family; None: the kernel chooses.

    >>> table = parse([b"192.0.2.1", b"a.example:192.0.2.2"])
    >>> bind_address(table, b"joe@A.example", "ipv4"), bind_address(table, b"joe@A.example", "ipv6")
    ('192.0.2.2', None)
    """
    addresses = table.get(family)
    if not addresses:
        return None
    found = look_up(sender.rpartition(b"@")[2] if b"@" in sender else b"", addresses)
    return None if found is None else found.decode()


def family_of(address: str) -> str:
    """The family of an address in its usual form.

    >>> family_of("192.0.2.1"), family_of("::1")
    ('ipv4', 'ipv6')
    """
    return IPV6 if ":" in address else IPV4


def parse_families(line: bytes) -> tuple[str, ...]:
    """The words of control/outgoingfamilies: "ipv4" and "ipv6", the preferred one first.

    :raises Malformed: it says something else, one twice, or nothing.

    >>> parse_families(b"IPv6 ipv4")
    ('ipv6', 'ipv4')
    """
    words = tuple(line.decode("latin-1").lower().split())
    if not words or len(set(words)) != len(words) or not set(words) <= {IPV4, IPV6}:
        raise Malformed("allowed is `ipv4`, `ipv6` or both, the preferred one first")
    return words
