"""What DNS should say of a mail host's own name, and what it says. (RFC 5321 §2.3.5, §5.1; RFC 7505; RFC 1912 §2.1)

Other hosts look at this: who cannot find the name that we greet with, or finds another one for our address, takes our
mail for rubbish; and mail for the name must find its way to us.
"""

from __future__ import annotations

from qmtwist.mail.dns import Answer, Kind, Question, Status
from qmtwist.mail.shapes import Callable, Generator, NamedTuple

# RFC 6761 §6, RFC 6762 §3, RFC 8375, RFC 9476: nobody has these in DNS
SPECIAL = ("test", "example", "invalid", "localhost", "local", "internal", "alt", "home.arpa")
TRIAL = ("example.com", "example.net", "example.org")
ADDRESSES_LIMIT = 16  # more than a mail host has

Asking = Generator[tuple[Question, ...], tuple[Answer, ...], "list[Finding]"]
"""Yields questions that may be asked together; is sent their answers in the same order; returns the findings."""


class Finding(NamedTuple):
    """Something that is not as it should be, and what to do: a command, or a line for a zone."""

    what: str
    mending: str


class Host(NamedTuple):
    """What this host knows of itself."""

    name: str  # control/me
    own: tuple[str, ...]  # all its addresses, in their usual form
    public: tuple[str, ...]  # those that others can reach; none: it is behind a translator of addresses
    takes_mail: bool  # whether mail for the name is to come here: the name is local, and others can connect
    pointer: Callable[[str], Question]  # what to ask for the name of an address (wire/reverse.py)

    def is_here(self, address: str) -> bool:
        """Whether who connects to this address comes here, as far as we can know."""
        return address in self.own or not self.public


def is_special(name: str) -> bool:
    """Whether a name is one that DNS does not have: of one label, or reserved for trials and local use.

    >>> is_special("dolphin"), is_special("mash.local"), is_special("mail.example.org"), is_special("heaven.af.mil")
    (True, True, True, False)
    """
    lower = f".{name.lower().rstrip('.')}"
    return lower.count(".") == 1 or any(lower.endswith(f".{special}") for special in (*SPECIAL, *TRIAL))


def examine(host: Host) -> Asking:
    """What is wrong with the name of this host in DNS. Nothing is raised: what cannot be known is a finding, too."""
    if is_special(host.name):
        return []
    name = host.name.encode("ascii", "replace")
    a, aaaa, mx = yield (Question(name, Kind.A), Question(name, Kind.AAAA), Question(name, Kind.MX))
    addresses = [str(record) for answer in (a, aaaa) for record in answer.records][:ADDRESSES_LIMIT]
    if not addresses and Status.TROUBLE in (a.status, aaaa.status):
        return [_silence(host.name)]
    findings = _addresses(host, addresses)
    if host.takes_mail:
        findings += yield from _exchangers(host, mx, addresses)
    findings += yield from _pointers(host, addresses)
    return findings


def _silence(name: str) -> Finding:
    return Finding(f"DNS gives no answer about {name}", f"dig {name}")


def _zone_line(host: Host, kind: str = "A") -> str:
    """What the zone should have; the address is this host's if it has one that others can know."""
    address = next((public for public in host.public if (":" in public) == (kind == "AAAA")), "ADDRESS")
    return f"add to its zone: {host.name}. IN {kind} {address}"


def _addresses(host: Host, addresses: list[str]) -> list[Finding]:
    if not addresses:
        kind = "AAAA" if host.public and all(":" in public for public in host.public) else "A"
        return [Finding(f"{host.name} has no address in DNS", _zone_line(host, kind))]
    return [
        Finding(
            f"{host.name} is {address} in DNS, which is no address of this host",
            _zone_line(host, "AAAA" if ":" in address else "A").replace("add to", "mend in"),
        )
        for address in addresses
        if not host.is_here(address)
    ]


def _exchangers(
    host: Host, mx: Answer, addresses: list[str]
) -> Generator[tuple[Question, ...], tuple[Answer, ...], list[Finding]]:
    """Whether mail for the name comes here, by MX records if there are any. (RFC 5321 §5.1)"""
    if mx.status is Status.TROUBLE:
        return [_silence(f"the MX of {host.name}")]
    if mx.status is not Status.FOUND:
        return []  # its addresses are meant, and looked at already
    if any(not name for _, name in mx.records):  # RFC 7505 §3
        return [Finding(f"DNS says that {host.name} takes no mail", f"remove from its zone: {host.name}. IN MX 0 .")]
    names = [name for _, name in sorted(mx.records)][:ADDRESSES_LIMIT]
    answers = yield tuple(Question(name, kind) for name in names for kind in (Kind.A, Kind.AAAA))
    if any(host.is_here(str(record)) for answer in answers for record in answer.records):
        return []
    if any(answer.status is Status.TROUBLE for answer in answers):
        return [_silence(names[0].decode("ascii", "replace"))]
    shown = ", ".join(name.decode("ascii", "replace") for name in names)
    if not addresses:
        return []  # said already, with what to do
    mending = f"add to its zone: {host.name}. IN MX 0 {host.name}."
    return [Finding(f"mail for {host.name} goes to {shown}, none of which is this host", mending)]


def _pointers(host: Host, addresses: list[str]) -> Generator[tuple[Question, ...], tuple[Answer, ...], list[Finding]]:
    """Whether every address has a name that has this address: what many receivers ask for. (RFC 1912 §2.1)"""
    questions = tuple(host.pointer(address) for address in addresses)
    answers = (yield questions) if questions else ()
    findings = []
    named: list[tuple[str, bytes, Question]] = []
    for address, question, answer in zip(addresses, questions, answers, strict=True):
        names = [name for name in answer.records if isinstance(name, bytes)]
        if answer.status is Status.TROUBLE:
            findings.append(_silence(f"the name of {address}"))
        elif not names:
            findings.append(Finding(f"{address} has no name in DNS", _pointer_line(host, question)))
        elif host.name.lower().encode() not in names:
            named.append((address, names[0], question))
    findings += yield from _unconfirmed(host, named)
    return findings


def _unconfirmed(
    host: Host, named: list[tuple[str, bytes, Question]]
) -> Generator[tuple[Question, ...], tuple[Answer, ...], list[Finding]]:
    """Another name will do, if it has the address."""
    kinds = [Kind.AAAA if ":" in address else Kind.A for address, _, _ in named]
    asked = tuple(Question(name, kind) for (_, name, _), kind in zip(named, kinds, strict=True))
    answers = (yield asked) if asked else ()
    findings = []
    for (address, name, question), answer in zip(named, answers, strict=True):
        shown = name.decode("ascii", "replace")
        if answer.status is Status.TROUBLE:
            findings.append(_silence(shown))
        elif address not in answer.records:
            what = f"{address} is called {shown} in DNS, which has another address"
            findings.append(Finding(what, _pointer_line(host, question)))
    return findings


def _pointer_line(host: Host, question: Question) -> str:
    return f"ask who gave you the address for: {question.name.decode()}. IN PTR {host.name}."
