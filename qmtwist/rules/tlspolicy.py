"""What TLS a domain's mail needs, and which names its servers' certificates may bear. (control/tlspolicy)

A line is `domain:level`, `domain:verify:name:name...` or `domain:pin:key:key...`; the keys of the table are those of
smtproutes: a host, `.suffix`, or nothing for everybody else. Without an entry the level is `may`.
"""

from __future__ import annotations

from qmtwist.mail.errors import Malformed, Temporary
from qmtwist.mail.literal import parse_literal
from qmtwist.mail.shapes import TYPE_CHECKING, Enum, Mapping, NamedTuple, Sequence

from .smarthost import Hop, look_up

if TYPE_CHECKING:
    from .mx import Target

_NAME = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_")
_HEX = b"0123456789abcdef"
_PIN_DIGITS = 64


class Level(Enum):
    """How much is demanded; the value is the word in control/tlspolicy."""

    NONE = b"none"  # never TLS
    MAY = b"may"  # TLS where it is offered and works, else in clear
    ENCRYPT = b"encrypt"  # TLS or no mail; with whom is not asked
    VERIFY = b"verify"  # TLS with a server that has proved its name
    PIN = b"pin"  # TLS with a server that has one of these keys, whatever else its certificate says


class Policy(NamedTuple):
    """The demand of one line. `names`: lower case, accepted in certificates besides those of `certificate_names`;
    one that begins with a dot accepts the MX host's name when that lies below it. `pins`: of a server's key, as
    `certificate.pin_of` gives them."""

    level: Level
    names: tuple[bytes, ...] = ()
    pins: tuple[bytes, ...] = ()

    @property
    def is_demanded(self) -> bool:
        """Whether mail waits rather than goes out in clear."""
        return self.level in (Level.ENCRYPT, Level.VERIFY, Level.PIN)


DEFAULT = Policy(Level.MAY)
DEFAULT_OF_ROUTE = Policy(Level.VERIFY)


def policy_for(domain: bytes, table: Mapping[bytes, bytes]) -> Policy:
    """The policy for mail to a recipient's domain, also when it goes by a relay.

    The domain is looked up as in smtproutes; `table` has lower-case keys.

    :raises Malformed: the value of the entry that counts is none; mail for the domain must wait then.

    >>> policy_for(b"mx.far.example", {b".far.example": b"encrypt", b"": b"none"}).level.name
    'ENCRYPT'
    """
    if not table:
        return DEFAULT
    value = look_up(domain.rstrip(b"."), table)
    return DEFAULT if value is None else parse_policy(value)


def of_hop(policy: Policy, hop: Hop) -> Policy:
    """The policy as it is for this hop: a `/tls` in qmtproutes means a verified name, unless the domain's line demands
    something else. What needs no TLS elsewhere (`may`, `none`) does not weaken it.
    """
    return DEFAULT_OF_ROUTE if hop.protocol == "qmtps" and not policy.is_demanded else policy


def usable(policy: Policy, targets: Sequence[Target]) -> tuple[Target, ...]:
    """The targets that speak a protocol with as much TLS as the policy demands: QMTP knows none, unless it is QMTPS.

    :raises Temporary: there are targets, but no such ones.
    """
    found = tuple(target for target in targets if target.protocol != "qmtp" or not policy.is_demanded)
    if targets and not found:
        raise Temporary("Sorry, QMTP knows no TLS, which control/tlspolicy demands for that host. (#4.7.4)\n")
    return found


def parse_policy(value: bytes) -> Policy:
    """The value of a line of control/tlspolicy.

    :raises Malformed: it is no level, or has names that are none or that its level has no use for.

    >>> parse_policy(b"Verify:mx.provider.example:.provider.example").names
    (b'mx.provider.example', b'.provider.example')
    """
    word, *rest = (part.strip(b" \t") for part in value.lower().split(b":"))
    try:
        level = Level(word)
    except ValueError:
        raise Malformed(f"{_shown(word)} is no TLS policy; write none, may, encrypt, verify or pin") from None
    if level is Level.PIN:
        return Policy(level, pins=_parse_pins(rest))
    if rest and level is not Level.VERIFY:
        raise Malformed(f"names after {level.value.decode()} are of no use; only verify looks at them")
    for name in rest:
        if not _is_name(name):
            raise Malformed(f"{_shown(name)} is no host name; write verify:mx.example.org or verify:.example.org")
    return Policy(level, tuple(name.rstrip(b".") for name in rest))


def _parse_pins(words: list[bytes]) -> tuple[bytes, ...]:
    if not words:
        raise Malformed("pin needs the pin of a key; on the other host `qmtwist tlskey` prints it")
    for word in words:
        if parse_pin(word) is None:
            raise Malformed(f"{_shown(word)} is no pin, which has {_PIN_DIGITS} hexadecimal digits")
    return tuple(words)


def parse_pin(word: bytes) -> bytes | None:
    """A pin in lower case; None: it is none.

    >>> parse_pin(b"AB" * 32) == b"ab" * 32, parse_pin(b"ab")
    (True, None)
    """
    pin = word.lower()
    return pin if len(pin) == _PIN_DIGITS and not pin.translate(None, _HEX) else None


def _is_name(name: bytes) -> bool:
    """A host name, an IPv4 address literal, or a dot and a domain."""
    labels = name.rstrip(b".").removeprefix(b".").split(b".")
    return parse_literal(name) is not None or all(label and _NAME.issuperset(label) for label in labels)


def _shown(data: bytes) -> str:
    return repr(data[:60])[1:]


def certificate_names(policy: Policy, domain: bytes, hop: Hop, target_name: bytes) -> tuple[bytes, ...]:
    """The names of which a verified certificate must bear one: lower case, or address literals in brackets.

    They are the recipient's domain; the relay, where control files name one; what the policy names; and the host's own
    name, but only where it lies below one of those that the sender asked for. The answer of a name server that says who
    the MX is proves nothing by itself (RFC 7672 §1.3.2): whoever forges it names a host of his own, for which he has
    a good certificate.
    """
    target = target_name.lower().rstrip(b".")
    names = [domain.lower().rstrip(b".")]
    if hop.is_route:
        names.append(hop.host.lower().rstrip(b"."))
    suffixes = [b"." + names[0]]
    for name in policy.names:
        (suffixes if name.startswith(b".") else names).append(name)
    if parse_literal(target) is None and any(target.endswith(suffix) for suffix in suffixes):
        names.append(target)
    return tuple(dict.fromkeys(name for name in names if name))
