"""The language of tcprules(1): a text of rules as records, and records as decisions. (ucspi-tcp 0.88 tcprules.c)

One rule a line, `address:allow` or `address:deny`, then `,VAR="value"` for each variable; any byte may be the quote. A
range such as `1.2.3.10-20` is one record for each number. Of equal addresses the first counts.

Beyond tcprules an IPv6 address, or a block of them, stands in square brackets, because a colon ends an address:
`[2001:db8::1]:allow`, `[2001:db8::/32]:deny`. tcprules itself refuses such a line, so every text that it takes means
the same here, and becomes the same bytes.
"""

from __future__ import annotations

from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import Iterator, NamedTuple

Variables = tuple[tuple[bytes, bytes], ...]


class Rule(NamedTuple):
    """A line: the keys of its records (none for an inverted range), and what they all say. Lines count from 1."""

    number: int
    keys: tuple[bytes, ...]
    is_denied: bool
    variables: Variables


class BadRule(Malformed):
    """A line that is no rule; `line` is its text, `number` counts from 1."""

    def __init__(self, line: bytes, number: int) -> None:
        super().__init__(f"line {number}: unable to parse this line: {line.decode('latin-1')}")
        self.line = line
        self.number = number


def read(text: bytes) -> Iterator[Rule]:
    """The rules of a text, in its order.

    :raises BadRule: the first line that cannot be understood.

    >>> [rule.keys for rule in read(b'# ours\\n10.0.0.3-4:deny\\n:allow\\n')]
    [(b'10.0.0.3', b'10.0.0.4'), (b'',)]
    """
    for number, raw in enumerate(text.split(b"\n"), 1):
        line = raw.rstrip(b" \t")
        if not line or line[:1] == b"#" or b":" not in line:
            continue
        address, _, rest = line.partition(b":")
        try:
            if line[:1] == b"[" and _action(rest) is None:
                address, rest = _bracketed(line)
            yield _rule(number, address, rest)
        except ValueError:
            raise BadRule(line, number) from None


def _action(rest: bytes) -> bytes | None:
    for word in (b"deny", b"allow"):
        if rest.startswith(word):
            return word
    return None


def _rule(number: int, address: bytes, rest: bytes) -> Rule:
    word = _action(rest)
    if word is None:
        raise ValueError
    return Rule(number, tuple(expand(address)), word == b"deny", parse_variables(rest[len(word) :]))


def _bracketed(line: bytes) -> tuple[bytes, bytes]:
    """Key and rest of a line with an IPv6 address (its key is the address) or block (its key has the brackets)."""
    from ipaddress import IPv6Address, IPv6Network  # slow to import, seldom needed; what it raises is a ValueError

    inside, bracket, rest = line[1:].partition(b"]:")
    if not bracket or b"%" in inside:
        raise ValueError
    if b"/" in inside:
        return b"[%s]" % str(IPv6Network(inside.decode("ascii"))).encode(), rest
    return str(IPv6Address(inside.decode("ascii"))).encode(), rest


def parse_variables(text: bytes) -> Variables:
    """`,A="x",B=/y/` as pairs, in order.

    :raises ValueError: something else.
    """
    variables: list[tuple[bytes, bytes]] = []
    while text:
        name, equals, rest = text.partition(b"=")
        if text[:1] != b"," or not equals or not rest:
            raise ValueError
        value, quote, text = rest[1:].partition(rest[:1])
        if not quote:
            raise ValueError
        variables.append((name[1:], value))
    return tuple(variables)


def expand(address: bytes) -> list[bytes]:
    """An address as one or, if it has a range, several.

    :raises ValueError: the ends of the range are not numbers.

    >>> expand(b"1.2.3-4."), expand(b"10.0.0.5-3"), expand(b"=a-b.example")
    ([b'1.2.3.', b'1.2.4.'], [], [b'=a-b.example'])
    """
    dash = address.find(b"-")
    if dash < 0 or b"=" in address or b"@" in address or b":" in address:
        return [address]
    left = address.rfind(b".", 0, dash) + 1
    right = address.find(b".", dash)
    if right < 0:
        right = len(address)
    low, high = _number(address[left:dash]), min(255, _number(address[dash + 1 : right]))
    return [b"%s%d%s" % (address[:left], number, address[right:]) for number in range(low, high + 1)]


def _number(digits: bytes) -> int:
    digits = digits.partition(b"\0")[0]  # a number ends where a string of C does
    if digits and not digits.isdigit():
        raise ValueError
    # unsigned long: all digits but the last 64 are multiples of 2**64
    return int(digits[-64:] or b"0") % 2**64


def encode(rule: Rule) -> bytes:
    """The data of its records: `D` NUL if it denies, `+NAME=VALUE` NUL for each variable."""
    parts = [b"D\0"] if rule.is_denied else []
    return b"".join(parts + [b"+%s=%s\0" % pair for pair in rule.variables])


def decode(data: bytes) -> tuple[bool, Variables]:
    """Whether a record denies, and its variables before that, as tcpserver reads it: what it does not know it skips."""
    variables: list[tuple[bytes, bytes]] = []
    for part in data.split(b"\0")[:-1]:
        if part[:1] == b"D":
            return True, tuple(variables)
        if part[:1] == b"+":
            name, equals, value = part[1:].partition(b"=")
            if equals:
                variables.append((name, value))
    return False, tuple(variables)
