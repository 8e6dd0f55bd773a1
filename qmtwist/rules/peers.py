"""What a client's address may do: the rules of control/tcprules, asked for each connection. (ucspi-tcp 0.88 rules.c)

Of all rules that fit a client the closest one counts, alone: nothing is merged, and the order of the lines means
nothing. Closest is, in this order: INFO@IP, INFO@=HOST, IP, =HOST, the longest prefix of the IP, the longest suffix of
the host, `=` (any host with a name), the default.

Beyond tcprules: `10.0.0.0/8` is a block of addresses, as is `[2001:db8::/32]` (see `tcprules`). It counts as the prefix
of its length, after a dotted one of the same length. `[2001:db8::1]` is an IP. (For `[::ffff:1.2.3.4]` write
`1.2.3.4`.)

A long-lived service parses its rules once into `Peers` and asks `lookup`; a program that lives for one connection asks
`decide` with the `get` of a cdb's reader.
"""

from __future__ import annotations

from typing import TypeVar

from qmtwist.mail.shapes import Callable, Generator, Iterable, Iterator, Mapping, NamedTuple

from .tcprules import BadRule as BadRule  # whoever parses rules catches it
from .tcprules import decode, encode, read

Found = TypeVar("Found")


class Decision(NamedTuple):
    """What a rule says: hang up at once, or these variables for the session (later ones win). `rule` names it:
    file and line, or cdb and key; empty if no rule fits.
    """

    is_denied: bool
    variables: Mapping[bytes, bytes]
    rule: bytes = b""


class Peers(NamedTuple):
    """Parsed rules. `records` are those of tcprules; `blocks` are by (IP version, prefix length) and network number,
    the longest prefix first. The others say what must be known of a client before it can be judged.
    """

    records: Mapping[bytes, Decision]
    blocks: tuple[tuple[int, int, Mapping[int, Decision]], ...]
    info_ips: frozenset[bytes] = frozenset()  # there are rules INFO@IP for these
    has_info_hosts: bool = False  # there are rules INFO@=HOST
    has_hosts: bool = False  # =HOST
    has_suffixes: bool = False  # =.SUFFIX or =


ALLOW = Decision(False, {})
NOBODY = Peers({}, ())


# -- texts and cdbs to rules


def parse(text: bytes, name: bytes = b"tcprules") -> Peers:
    """The rules in a text; `name` is that of its file, for the log.

    :raises BadRule: the first line that cannot be understood; a block with bits behind its prefix is none.

    >>> rules = parse(b'127.:allow,RELAYCLIENT=""\\n:deny\\n')
    >>> lookup(rules, b"127.0.0.1", None, None)
    Decision(is_denied=False, variables={b'RELAYCLIENT': b''}, rule=b'tcprules:1')
    """
    return whole(reading(text, name))


def reading(text: bytes, name: bytes = b"tcprules") -> Generator[None, None, Peers]:
    """`parse`, a step for each record, for who must not be away for long: the rules are what it returns at its end.

    :raises BadRule: at any step.
    """
    lines = text.split(b"\n")
    building = _Building()
    for rule in read(text):
        is_denied, variables = decode(encode(rule))  # a text and its cdb mean the same, whatever is in them
        decision = Decision(is_denied, dict(variables), b"%s:%d" % (name, rule.number))
        for key in rule.keys:
            try:
                building.add(key, decision)
            except ValueError:
                raise BadRule(lines[rule.number - 1].rstrip(b" \t"), rule.number) from None
            yield
    return building.peers()


def from_records(records: Iterable[tuple[bytes, bytes]], name: bytes = b"tcprules.cdb") -> Peers:
    """The rules in the records of a cdb. A key that fits no client fits none here either."""
    return whole(reading_records(records, name))


def reading_records(
    records: Iterable[tuple[bytes, bytes]], name: bytes = b"tcprules.cdb"
) -> Generator[None, None, Peers]:
    """`from_records`, a step for each."""
    building = _Building()
    for key, data in records:
        yield
        is_denied, variables = decode(data)
        try:
            building.add(key, Decision(is_denied, dict(variables), b"%s:%s" % (name, key or b"(default)")))
        except ValueError:
            continue
    return building.peers()


def whole(steps: Generator[None, None, Peers]) -> Peers:
    """The rules, all at once."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            rules: Peers = end.value
            return rules


class _Building:
    """Rules on their way to `Peers`."""

    def __init__(self) -> None:
        self._records: dict[bytes, Decision] = {}
        self._blocks: dict[tuple[int, int], dict[int, Decision]] = {}
        self._info_ips: set[bytes] = set()
        self._has_info_hosts = self._has_hosts = self._has_suffixes = False

    def add(self, key: bytes, decision: Decision) -> None:
        """Take a rule, if there is none yet for this key.

        :raises ValueError: it looks like a block and is none.
        """
        block = _parse_block(key)
        if block is None:
            self._records.setdefault(key, decision)
            self._note(key)
        else:
            version, length, network = block
            self._blocks.setdefault((version, length), {}).setdefault(network, decision)

    def _note(self, key: bytes) -> None:
        """What must be known of a client because of this key."""
        tail = key.rpartition(b"@")[2]
        if b"@" not in key:
            self._has_suffixes |= key[:2] in (b"=", b"=.")
            self._has_hosts |= key[:1] == b"=" and key[:2] not in (b"=", b"=.")
        elif tail[:1] == b"=":
            self._has_info_hosts = True
        else:
            self._info_ips.add(tail)

    def peers(self) -> Peers:
        """All of them."""
        blocks = [(version, length, table) for (version, length), table in self._blocks.items()]
        return Peers(
            self._records,
            tuple(sorted(blocks, key=lambda row: -row[1])),
            frozenset(self._info_ips),
            self._has_info_hosts,
            self._has_hosts,
            self._has_suffixes,
        )


def _parse_block(key: bytes) -> tuple[int, int, int] | None:
    """(version, prefix length, network number) of `1.2.3.0/24` or `[2001:db8::/32]`; None: it is no block.

    :raises ValueError: looks like one and is none, or has bits behind its prefix.
    """
    if b"=" in key or b"@" in key or not (key[:1] == b"[" or b"/" in key):
        return None
    from ipaddress import IPv4Network, IPv6Network  # here and below: a third of a small program's start

    address, _, length = key.strip(b"[]").decode("ascii").partition("/")
    if not length.isdigit():
        raise ValueError
    network: IPv4Network | IPv6Network
    network = IPv6Network((address, int(length))) if key[:1] == b"[" else IPv4Network((address, int(length)))
    return network.version, network.prefixlen, int(network.network_address)


# -- which rule


def lookup(rules: Peers, ip: bytes, host: bytes | None, info: bytes | None) -> Decision:
    """What this client may do. `host` (in lower case) and `info` are None when they are not known."""
    records = rules.records
    for key in _exact_keys(ip, host, info):
        if key in records:
            return records[key]
    found = _closest(rules, ip)
    if found is not None:
        return found
    if host is not None:
        for key in _suffix_keys(host):
            if key in records:
                return records[key]
    return records.get(b"", ALLOW)


def wants_info(rules: Peers, ip: bytes) -> bool:
    """Whether the decision about this client may depend on what its IDENT server says."""
    return rules.has_info_hosts or ip in rules.info_ips


def wants_host(rules: Peers, ip: bytes, info: bytes | None) -> bool:
    """Whether the decision about this client may depend on its name."""
    if info is not None:
        if info + b"@" + ip in rules.records:
            return False
        if rules.has_info_hosts:
            return True
    if ip in rules.records:
        return False
    return rules.has_hosts or (rules.has_suffixes and _closest(rules, ip) is None)


def _exact_keys(ip: bytes, host: bytes | None, info: bytes | None) -> list[bytes]:
    keys = []
    if info is not None:
        keys.append(info + b"@" + ip)
        if host is not None:
            keys.append(info + b"@=" + host)
    keys.append(ip)
    if host is not None:
        keys.append(b"=" + host)
    return keys


def _suffix_keys(host: bytes) -> Iterator[bytes]:
    dot = host.find(b".")
    while dot >= 0:
        yield b"=" + host[dot:]
        dot = host.find(b".", dot + 1)
    yield b"="


def _closest(rules: Peers, ip: bytes) -> Decision | None:
    """The rule with the longest prefix of the address, dotted or as a block; of equal ones the dotted."""
    best: Decision | None = None
    best_bits = -1
    for prefix in _prefixes(ip):
        if prefix in rules.records:
            best, best_bits = rules.records[prefix], 8 * prefix.count(b".")
            break
    if rules.blocks:
        version, width, value = _value(ip)
        for of, bits, table in rules.blocks:
            if of == version and bits > best_bits:
                found = table.get(value >> (width - bits) << (width - bits))
                if found is not None:
                    return found
    return best


def _prefixes(ip: bytes) -> Iterator[bytes]:
    dot = ip.rfind(b".")
    while dot >= 0:
        yield ip[: dot + 1]
        dot = ip.rfind(b".", 0, dot)


def _value(ip: bytes) -> tuple[int, int, int]:
    """IP version, its number of bits, and the address; version 0 for what is no IP address (a UNIX socket)."""
    try:
        if b":" not in ip:
            numbers = [int(part) for part in ip.split(b".") if part.isdigit()]
            return (4, 32, int.from_bytes(numbers, "big")) if len(numbers) == 4 == ip.count(b".") + 1 else (0, 0, 0)
        from ipaddress import IPv6Address

        return 6, 128, int(IPv6Address(ip.decode("ascii")))
    except ValueError:
        return 0, 0, 0


# -- one connection and a cdb


def decide(
    get: Callable[[bytes], Found | None], ip: bytes, host: bytes | None, info: bytes | None
) -> tuple[bytes, Found] | None:
    """Key and data of the record that decides, for who lives for one connection; None: no rule. `get` may raise.

    >>> decide({b"10.": "deny", b"10.1.0.0/16": "allow"}.get, b"10.1.2.3", None, None)
    (b'10.1.0.0/16', 'allow')
    """
    for key in keys(ip, host, info):
        found = get(key)
        if found is not None:
            return key, found
    return None


def keys(ip: bytes, host: bytes | None, info: bytes | None) -> Iterator[bytes]:
    """Every key under which a rule for this client may stand, the closest first."""
    yield from _exact_keys(ip, host, info)
    version, width, value = _value(ip)
    dotted = list(_prefixes(ip))
    if not version:
        yield from dotted
    else:
        by_bits = {8 * prefix.count(b"."): prefix for prefix in dotted}
        for bits in range(width, -1, -1):
            if bits in by_bits:
                yield by_bits[bits]
            yield _block_key(version, value >> (width - bits) << (width - bits), bits)
    if host is not None:
        yield from _suffix_keys(host)
    yield b""


def _block_key(version: int, network: int, bits: int) -> bytes:
    if version == 4:
        return b"%d.%d.%d.%d/%d" % (*network.to_bytes(4, "big"), bits)
    from ipaddress import IPv6Address

    return f"[{IPv6Address(network)}/{bits}]".encode("ascii")
