"""What TLS a domain's mail needs, and which names its servers' certificates may bear. (control/tlspolicy)

A line is `domain:level` or `domain:verify:name:name...`; the keys are those of smtproutes: a host, `.suffix`, or
nothing for everybody else. Without an entry the level is `may`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from qmtwist.mail.errors import Malformed, Temporary
from qmtwist.mail.literal import parse_literal

from .smarthost import Hop, look_up

if TYPE_CHECKING:
    from .mx import Target

_NAME = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_")


class Level(enum.Enum):
    """How much is demanded; the value is the word in control/tlspolicy."""

    NONE = b"none"  # never TLS
    MAY = b"may"  # TLS where it is offered and works, else in clear
    ENCRYPT = b"encrypt"  # TLS or no mail; with whom is not asked
    VERIFY = b"verify"  # TLS with a server that has proved its name


class Policy(NamedTuple):
    """The demand of one line. `names`: lower case, accepted in certificates besides those of `certificate_names`;
    one that begins with a dot accepts the MX host's name when that lies below it."""

    level: Level
    names: tuple[bytes, ...] = ()

    @property
    def is_demanded(self) -> bool:
        """Whether mail waits rather than goes out in clear."""
        return self.level in (Level.ENCRYPT, Level.VERIFY)


DEFAULT = Policy(Level.MAY)


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


def usable(policy: Policy, targets: Sequence[Target]) -> tuple[Target, ...]:
    """The targets that speak a protocol with as much TLS as the policy demands: QMTP knows none.

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
        raise Malformed(f"{_shown(word)} is no TLS policy; write none, may, encrypt or verify") from None
    if rest and level is not Level.VERIFY:
        raise Malformed(f"names after {level.value.decode()} are of no use; only verify looks at them")
    for name in rest:
        if not _is_name(name):
            raise Malformed(f"{_shown(name)} is no host name; write verify:mx.example.org or verify:.example.org")
    return Policy(level, tuple(name.rstrip(b".") for name in rest))


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
