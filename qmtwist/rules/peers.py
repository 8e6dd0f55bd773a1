"""What a client's address may do: control/tcprules, in the language of tcprules(1). (ucspi-tcp 0.88)

One rule a line, `address:allow` or `address:deny`, then `,VAR="value"` for each variable; any byte may be the quote.
An address is `1.2.3.4`, a prefix with its dot (`1.2.3.`), a range (`1.2.3.10-20`), `=host.name`, `=.suffix`, `=` (any
client with a known name), `info@1.2.3.4`, `info@=host`, or empty: the default. The first rule of those with the same
address counts; otherwise order means nothing, the closest rule wins, and rules are never merged.

Beyond tcprules: `10.0.0.0/8` is a block of addresses, and an IPv6 address or block stands in square brackets, because a
colon ends an address: `[2001:db8::1]:allow`, `[2001:db8::/32]:deny`. (`[::ffff:1.2.3.4]` is written `1.2.3.4`.)
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network, NetmaskValueError
from typing import NamedTuple

from qmtwist.mail.errors import Malformed


class Decision(NamedTuple):
    """What a rule says: hang up at once, or these variables for the session (later ones win)."""

    is_denied: bool
    variables: Mapping[bytes, bytes]


class Peers(NamedTuple):
    """Parsed rules. `records` are those of tcprules; `blocks` are by (IP version, prefix length) and network number,
    the longest prefix first.
    """

    records: Mapping[bytes, Decision]
    blocks: tuple[tuple[int, int, Mapping[int, Decision]], ...]


class BadRule(Malformed):
    """A line that is no rule; `line` is its text, `number` counts from 1."""

    def __init__(self, line: bytes, number: int) -> None:
        super().__init__(f"line {number}: unable to parse this line: {line.decode('latin-1')}")
        self.line = line
        self.number = number


ALLOW = Decision(False, {})
NOBODY = Peers({}, ())


def parse(text: bytes) -> Peers:
    """The rules in a text.

    :raises BadRule: the first line that cannot be understood.

    >>> rules = parse(b'127.:allow,RELAYCLIENT=""\\n:deny\\n')
    >>> lookup(rules, b"127.0.0.1", None, None).variables, lookup(rules, b"192.0.2.1", None, None).is_denied
    ({b'RELAYCLIENT': b''}, True)
    """
    records: dict[bytes, Decision] = {}
    blocks: dict[tuple[int, int], dict[int, Decision]] = {}
    for number, raw in enumerate(text.split(b"\n"), 1):
        line = raw.rstrip(b" \t")
        if not line or raw[:1] == b"#" or b":" not in line:
            continue
        try:
            address, decision = _parse_line(line)
            block = _parse_block(address)
            if block is None:
                for one in expand(address):
                    records.setdefault(one, decision)
            else:
                version, length, network = block
                blocks.setdefault((version, length), {}).setdefault(network, decision)
        except ValueError:
            raise BadRule(line, number) from None
    ordered = sorted(((version, length, table) for (version, length), table in blocks.items()), key=lambda row: -row[1])
    return Peers(records, tuple(ordered))


def _parse_line(line: bytes) -> tuple[bytes, Decision]:
    if line[:1] == b"[":
        address, bracket, rest = line.partition(b"]:")
        if not bracket:
            raise ValueError
        address += b"]"
    else:
        address, _, rest = line.partition(b":")
    for word in (b"deny", b"allow"):
        if rest.startswith(word):
            return address, Decision(word == b"deny", parse_variables(rest[len(word) :]))
    raise ValueError


def parse_variables(text: bytes) -> dict[bytes, bytes]:
    """`,A="x",B=/y/` as a mapping.

    :raises ValueError: something else.
    """
    variables: dict[bytes, bytes] = {}
    while text:
        name, equals, rest = text.partition(b"=")
        if text[:1] != b"," or not equals or not rest:
            raise ValueError
        value, quote, text = rest[1:].partition(rest[:1])
        if not quote:
            raise ValueError
        variables[name[1:]] = value
    return variables


def expand(address: bytes) -> list[bytes]:
    """An address as one or, if it has a range, several.

    :raises ValueError: the ends of the range are not numbers.

    >>> expand(b"1.2.3-4."), expand(b"10.0.0.5-3"), expand(b"=a-b.example")
    ([b'1.2.3.', b'1.2.4.'], [], [b'=a-b.example'])
    """
    dash = address.find(b"-")
    if dash < 0 or b"=" in address or b"@" in address:
        return [address]
    left = address.rfind(b".", 0, dash) + 1
    right = address.find(b".", dash)
    if right < 0:
        right = len(address)
    low, high = _number(address[left:dash]), min(255, _number(address[dash + 1 : right]))
    return [b"%s%d%s" % (address[:left], number, address[right:]) for number in range(low, high + 1)]


def _number(digits: bytes) -> int:
    if (digits and not digits.isdigit()) or len(digits) > 10:
        raise ValueError
    return int(digits or b"0")


def _parse_block(address: bytes) -> tuple[int, int, int] | None:
    """(version, prefix length, network number) of a CIDR block or a bracketed address; None: it is a tcprules address.

    :raises ValueError: looks like one and is none, or has bits behind its prefix.
    """
    if b"=" in address or b"@" in address or not (address[:1] == b"[" or b"/" in address):
        return None
    text = address.strip(b"[]").decode("ascii")
    network: IPv4Network | IPv6Network
    try:
        network = IPv6Network(text) if address[:1] == b"[" else IPv4Network(text)
    except (AddressValueError, NetmaskValueError):
        raise ValueError from None
    return network.version, network.prefixlen, int(network.network_address)


def lookup(rules: Peers, ip: bytes, host: bytes | None, info: bytes | None) -> Decision:
    """What this client may do. `host` and `info` are None when they are not known.

    The order is tcpserver's: INFO@IP, INFO@=HOST, IP, =HOST, prefixes of the IP from the longest, suffixes of the host,
    `=`, the default. A block of addresses counts as the prefix of its length.
    """
    records = rules.records
    for key in _exact_keys(ip, host, info):
        if key in records:
            return records[key]
    found = _closest(rules, ip)
    if found is not None:
        return found
    if host is not None:
        dot = host.find(b".")
        while dot >= 0:
            if b"=" + host[dot:] in records:
                return records[b"=" + host[dot:]]
            dot = host.find(b".", dot + 1)
        if b"=" in records:
            return records[b"="]
    return records.get(b"", ALLOW)


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


def _closest(rules: Peers, ip: bytes) -> Decision | None:
    """The rule with the longest prefix of the address, dotted or as a block; of equal ones the dotted."""
    best: Decision | None = None
    best_bits = -1
    dot = ip.rfind(b".")
    while dot >= 0:
        prefix = ip[: dot + 1]
        if prefix in rules.records:
            best, best_bits = rules.records[prefix], 8 * prefix.count(b".")
            break
        dot = ip.rfind(b".", 0, dot)
    if rules.blocks:
        version, value = _value(ip)
        width = 32 if version == 4 else 128
        for of, bits, table in rules.blocks:
            if of == version and bits > best_bits and (value >> (width - bits)) << (width - bits) in table:
                return table[(value >> (width - bits)) << (width - bits)]
    return best


def _value(ip: bytes) -> tuple[int, int]:
    """IP version and number; version 0 for what is no IP address (a UNIX socket)."""
    try:
        text = ip.decode("ascii")
        return (6, int(IPv6Address(text))) if b":" in ip else (4, int(IPv4Address(text)))
    except (AddressValueError, UnicodeDecodeError):
        return 0, 0
