"""The addresses to try for a destination, in order, given DNS answers. (RFC 5321 §5.1, RFC 7505; qmail-remote(8))"""

from __future__ import annotations

from qmtwist.mail.dns import Answer, Kind, Question, Status
from qmtwist.mail.errors import Permanent, Temporary
from qmtwist.mail.literal import parse_literal
from qmtwist.mail.shapes import TYPE_CHECKING, Any, Callable, Generator, NamedTuple, Sequence

if TYPE_CHECKING:
    from .smarthost import Hop

EXCHANGERS_LIMIT = 100  # a domain with more of them uses others' name servers to knock somebody down
ADDRESSES_LIMIT = 100  # nobody waits for the hundred and first host that does not answer
ASKED_TOGETHER = 20  # exchangers whose addresses are looked up at the same time

QMTP_PORT = 209
MXPS_FIRST, MXPS_LAST = 12800, 13055  # preferences that tell the protocol
KINDS = {"ipv4": Kind.A, "ipv6": Kind.AAAA}


class Target(NamedTuple):
    """One address to try."""

    address: str  # "192.0.2.1" or "2001:db8::1"
    port: int
    protocol: str  # "smtp" or "qmtp"
    name: bytes  # lower-case name under which the address was found: MX target, relay or domain; for TLS
    preference: int


Shuffle = Callable[[list[Any]], None]
Asking = Generator[tuple[Question, ...], tuple[Answer, ...], list[Target]]
"""Yields questions that may be asked together; is sent their answers in the same order; returns the targets."""


class _Host(NamedTuple):
    """A name or literal from the DNS or a route, and how much it is preferred."""

    preference: int
    name: bytes


class _Found(NamedTuple):
    """The addresses of some hosts; `is_uncertain`: some lookup failed for now."""

    pairs: list[tuple[str, _Host]]
    is_uncertain: bool


def targets(hop: Hop, own: Callable[[str], bool], families: tuple[str, ...], shuffle: Shuffle) -> Asking:
    """The addresses to try for `hop`, in order.

    `own` says whether an address is ours, `families` are "ipv4" and "ipv6", the preferred one first, `shuffle` puts a
    list into random order. A qmtp target that comes from an MX preference is followed by the smtp target of the same
    address, for use if the connection attempt fails.

    :raises Temporary: DNS gave no answer. The text is qmail-remote's report without its letter, LF-ended.
    :raises Permanent: there is nobody to take the mail, or that is us. Text likewise.
    """
    host = hop.host.lower().removesuffix(b".")
    if host.startswith(b"[") and parse_literal(host) is None:
        raise _nobody(host, _Found([], is_uncertain=False), has_exchangers=False)
    hosts = [_Host(0, host)]
    has_exchangers = False
    if not hop.is_route and parse_literal(host) is None:
        (answer,) = yield (Question(host, Kind.MX),)
        exchangers = _exchangers(host, answer, shuffle)
        has_exchangers = bool(exchangers)
        hosts = exchangers or hosts
    found = yield from _addresses(hosts, families, shuffle)
    if not found.pairs:
        raise _nobody(host, found, has_exchangers)
    pairs = found.pairs if hop.is_route else _better_than_us(found.pairs, own)
    return _targets(pairs[:ADDRESSES_LIMIT], hop)


def _exchangers(host: bytes, answer: Answer, shuffle: Shuffle) -> list[_Host]:
    """The MX hosts, best first, equal ones in random order; none: the host itself is meant. (RFC 5321 §5.1)"""
    if answer.status is Status.TROUBLE:
        raise _temporary()
    if answer.status is not Status.FOUND:
        return []
    hosts = [_Host(preference, name) for preference, name in answer.records]
    named = [exchanger for exchanger in hosts if exchanger.name]
    if not named:
        # RFC 7505 §3: a null MX says that the domain takes no mail, whatever address it has
        raise Permanent(f"Sorry, {_visible(host)} says that it accepts no mail: null MX. (#5.1.10)\n", "5.1.10")
    shuffle(named)
    named.sort(key=lambda exchanger: exchanger.preference)
    return named[:EXCHANGERS_LIMIT]


def _addresses(
    hosts: list[_Host], families: tuple[str, ...], shuffle: Shuffle
) -> Generator[tuple[Question, ...], tuple[Answer, ...], _Found]:
    """The addresses of the hosts in their order, some hosts asked for at a time, until there are enough.

    Those of equal preference stay together, because one of them may be us.
    """
    pairs: list[tuple[str, _Host]] = []
    is_uncertain = False
    for at in range(0, len(hosts), ASKED_TOGETHER):
        batch = hosts[at : at + ASKED_TOGETHER]
        if len(pairs) >= ADDRESSES_LIMIT and batch[0].preference > pairs[-1][1].preference:
            break
        names = dict.fromkeys(host.name for host in batch if parse_literal(host.name) is None)
        questions = [Question(name, KINDS[family]) for name in names for family in families]
        answers = dict(zip(questions, (yield tuple(questions)) if questions else (), strict=True))
        is_uncertain |= any(answer.status is Status.TROUBLE for answer in answers.values())
        for host in batch:
            pairs += [(address, host) for address in _of_host(host.name, answers, families, shuffle)]
    return _Found(pairs, is_uncertain)


def _of_host(name: bytes, answers: dict[Question, Answer], families: tuple[str, ...], shuffle: Shuffle) -> list[str]:
    """The addresses of one host, the preferred family first."""
    literal = parse_literal(name)
    if literal is not None:
        return [literal] if ("ipv6" if ":" in literal else "ipv4") in families else []
    addresses: list[str] = []
    for family in families:
        # an IPv4 address in IPv6 dress would slip past whoever knows it in its own
        of_family = [
            found for found in answers[Question(name, KINDS[family])].records if not found.startswith("::ffff:")
        ]
        shuffle(of_family)
        addresses += of_family
    return addresses


def _better_than_us(pairs: list[tuple[str, _Host]], own: Callable[[str], bool]) -> list[tuple[str, _Host]]:
    """Only hosts that are preferred to this one may get the mail, or it would go round. (RFC 5321 §5.1)"""
    ours = [host.preference for address, host in pairs if own(address)]
    if not ours:
        return pairs
    best = min(ours)
    better = [pair for pair in pairs if pair[1].preference < best]
    if not better:
        raise Permanent(
            "Sorry. Although I'm listed as a best-preference MX or A for that host,\n"
            "it isn't in my control/locals file, so I don't treat it as local. (#5.4.6)\n",
            "5.4.6",
        )
    return better


def _targets(pairs: Sequence[tuple[str, _Host]], hop: Hop) -> list[Target]:
    """Each address once, with the protocol that the route or the preference tells."""
    found: list[Target] = []
    seen = set()
    for address, (preference, name) in pairs:
        if address in seen:
            continue
        seen.add(address)
        if not hop.is_route and is_qmtp_preference(preference):
            found.append(Target(address, QMTP_PORT, "qmtp", name, preference))
        found.append(Target(address, hop.port, hop.protocol, name, preference))
    return found


def is_qmtp_preference(preference: int) -> bool:
    """Whether an MX preference announces QMTP. (MXPS)

    >>> [is_qmtp_preference(preference) for preference in (1, 12800, 12801, 12817, 13041, 13057)]
    [False, False, True, True, True, False]
    """
    return MXPS_FIRST <= preference <= MXPS_LAST and (preference - MXPS_FIRST) % 16 == 1


# -- the reports


def _nobody(host: bytes, found: _Found, has_exchangers: bool) -> Temporary | Permanent:
    if found.is_uncertain:
        return _temporary()
    if has_exchangers:
        return Permanent("Sorry, I couldn't find a mail exchanger or IP address. (#5.4.4)\n", "5.4.4")
    return Permanent(f"Sorry, I couldn't find any host named {_visible(host)}. (#5.1.2)\n", "5.1.2")


def _temporary() -> Temporary:
    return Temporary("Sorry, I couldn't find any host by that name. (#4.1.2)\n", "4.1.2")


def _visible(host: bytes) -> str:
    return "".join(chr(byte) if 33 <= byte <= 126 else "?" for byte in host)
