"""Which senders and recipients a client may name. (qmail-smtpd(8): badmailfrom, rcpthosts, RELAYCLIENT, localiphost)

The same rules serve the daemon and qmail-smtpd. The address that is checked is the address that is used.
"""

from __future__ import annotations

from qmtwist.mail import address as addresses
from qmtwist.mail.shapes import Callable, Mapping, NamedTuple


class RelayRules(NamedTuple):
    """What the postmaster has said, as one client meets it. All names are lower case.

    `rcpthosts` None: every recipient is taken. `is_more` looks a name up in morercpthosts; it is not asked when
    `rcpthosts` is None. `relayclient` None: the client may not relay; otherwise it is appended to each recipient.
    `is_own` says whether packed bytes (4 or 16) are an address of this host, `localiphost` is the name such an address
    gets; None: none.
    """

    rcpthosts: frozenset[bytes] | None
    is_more: Callable[[bytes], bool]
    badmailfrom: frozenset[bytes]
    relayclient: bytes | None
    localiphost: bytes | None
    is_own: Callable[[bytes], bool]


def with_variables(rules: RelayRules, variables: Mapping[bytes, bytes]) -> RelayRules:
    """The rules for a client with these variables: RELAYCLIENT lets it relay, BADMAILFROM has more entries of
    badmailfrom, separated by blanks.
    """
    relayclient = variables.get(b"RELAYCLIENT")
    if relayclient is not None:
        rules = rules._replace(relayclient=relayclient)
    more = variables.get(b"BADMAILFROM", b"").lower().split()
    return rules._replace(badmailfrom=rules.badmailfrom.union(more)) if more else rules


def never(name: bytes) -> bool:
    """No name is listed, no address is ours: for a host without such a list."""
    return False


def rewrite_own_address(rules: RelayRules, address: bytes) -> bytes:
    """`joe@[our own IP]` as joe@localiphost; any other address as it is. (RFC 5321 §4.1.3)"""
    if address[-1:] != b"]" or rules.localiphost is None:
        return address
    local, domain = addresses.split(address)
    if domain is None:
        return address
    packed = parse_literal(domain)
    return local + b"@" + rules.localiphost if packed is not None and rules.is_own(packed) else address


def parse_literal(domain: bytes) -> bytes | None:
    r"""The packed address of `[1.2.3.4]` or `[IPv6:...]`; None for anything else.

    Numbers of an IPv4 literal are taken modulo 256, as qmail's ip_scan does.

    >>> parse_literal(b"[127.0.0.01]"), parse_literal(b"[IPv6:::1]")[-2:], parse_literal(b"[127.0.0.1]x")
    (b'\x7f\x00\x00\x01', b'\x00\x01', None)
    """
    if domain[:1] != b"[" or domain[-1:] != b"]":
        return None
    inside = domain[1:-1]
    if inside[:5].lower() == b"ipv6:":
        from ipaddress import AddressValueError, IPv6Address  # slow to import, seldom needed

        try:
            return IPv6Address(inside[5:].decode("latin-1")).packed
        except AddressValueError:
            return None
    numbers = inside.split(b".")
    if len(numbers) != 4 or not all(number.isdigit() and len(number) < 20 for number in numbers):
        return None
    return bytes(int(number) % 256 for number in numbers)


def is_bad_sender(rules: RelayRules, sender: bytes) -> bool:
    """Whether badmailfrom lists the sender, or `@` and its domain. The null sender is never listed."""
    if not rules.badmailfrom or not sender:
        return False
    whole = sender.lower()
    at = whole.rfind(b"@")
    return whole in rules.badmailfrom or (at >= 0 and whole[at:] in rules.badmailfrom)


def may_receive(rules: RelayRules, recipient: bytes) -> bool:
    """Whether we take mail for this recipient from a client that may not relay.

    An address without `@` is ours. For `a.b.c` the names `a.b.c`, `.b.c` and `.c` are tried, first all in rcpthosts,
    then all in morercpthosts.
    """
    if rules.rcpthosts is None:
        return True
    at = recipient.rfind(b"@")
    if at < 0:
        return True
    domain = recipient[at + 1 :].lower()
    if domain in rules.rcpthosts:  # nearly always
        return True
    names = suffixes(domain)
    return any(name in rules.rcpthosts for name in names) or any(rules.is_more(name) for name in names)


def suffixes(domain: bytes) -> list[bytes]:
    """A domain and what follows each of its dots, dot included.

    >>> suffixes(b"a.b.c")
    [b'a.b.c', b'.b.c', b'.c']
    """
    names = [domain]
    dot = domain.find(b".", 1)
    while dot >= 0:
        names.append(domain[dot:])
        dot = domain.find(b".", dot + 1)
    return names
