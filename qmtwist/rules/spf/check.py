"""The check itself: a generator that asks questions of the DNS and ends in a Result. (RFC 7208 §4, §5)

It touches nothing: whoever drives it sends it the answers, the programs by a blocking resolver, the SMTP service by its
own. What a record can make it ask is bounded: 10 terms that need the DNS, 10 hosts of an mx or ptr, 2 answers with
nothing in them.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from qmtwist.mail.dns import Answer, Kind, Question, Status
from qmtwist.mail.errors import Malformed, Temporary
from qmtwist.mail.literal import parse_address
from qmtwist.mail.shapes import Generator, NamedTuple
from qmtwist.rules.dnsbl import reversed_address

from .macros import Values, expand, expand_domain, has_only_letters, is_explanation, letters
from .terms import FAIL, NEUTRAL, PASS, SOFTFAIL, Mechanism, Record, parse, select, shown

__all__ = [
    "FAIL",
    "NEUTRAL",
    "NONE",
    "PASS",
    "PERMERROR",
    "SOFTFAIL",
    "TEMPERROR",
    "Asking",
    "Client",
    "Result",
    "check",
]

NONE, TEMPERROR, PERMERROR = "none", "temperror", "permerror"
LOOKUPS, HOSTS, VOIDS = 10, 10, 2  # RFC 7208 §4.6.4

Asking = Generator[tuple[Question, ...], tuple[Answer, ...], "Result"]
_Names = Generator[tuple[Question, ...], tuple[Answer, ...], list[bytes]]
_Truth = Generator[tuple[Question, ...], tuple[Answer, ...], bool]
_Text = Generator[tuple[Question, ...], tuple[Answer, ...], bytes]


class Client(NamedTuple):
    """Whom it is about. `ip` in any form; `sender` is the envelope sender, perhaps empty."""

    ip: bytes
    sender: bytes
    helo: bytes
    receiver: bytes = b"unknown"  # our own name
    now: int = 0


class Result(NamedTuple):
    """What came of it; `mechanism` decided, `explanation` are the domain's words for a `fail`, `problem` ours."""

    code: str
    domain: bytes = b""
    mechanism: bytes = b""
    explanation: bytes = b""
    problem: str = ""


def check(client: Client, extra: bytes = b"") -> Asking:
    """Ask until it is known whether the sender's domain lets the client send. The generator raises nothing.

    `extra` are mechanisms of our own, such as `include:spf.trusted.example`: a client that they match passes where the
    domain would not have it.
    """
    address = parse_address(client.ip.partition(b"%")[0])
    sender = identity(client.sender, client.helo)
    domain = sender.rpartition(b"@")[2].removesuffix(b".")
    if address is None or not is_domain(domain):
        return Result(NONE, domain)
    values = Values(sender, address, client.helo, client.receiver, client.now)
    result = yield from _guarded(_Check(values), domain)
    if extra and result.code in (FAIL, SOFTFAIL, NEUTRAL, NONE):
        own = yield from _guarded(_Check(values), domain, parse_own(extra))
        if own.code == PASS:
            return own._replace(mechanism=b"local policy")
    return result


def parse_own(text: bytes) -> Record:
    """Mechanisms of our own as a record.

    :raises Malformed: they are none.
    """
    return parse(b"v=spf1 " + text)


def identity(sender: bytes, helo: bytes) -> bytes:
    """Who is checked: the envelope sender, or the host for a bounce. (RFC 7208 §2.4, §4.3)

    >>> identity(b"", b"mx.example.org"), identity(b"@example.org", b"x"), identity(b"root", b"x")
    (b'postmaster@mx.example.org', b'postmaster@example.org', b'postmaster@root')
    """
    local, at, host = (sender or helo).rpartition(b"@")
    return (local if at and local else b"postmaster") + b"@" + host


def is_domain(name: bytes) -> bool:
    """Whether a name has the form of one with a domain above it. (RFC 7208 §4.3)

    >>> is_domain(b"example.org"), is_domain(b"org"), is_domain(b"a..org"), is_domain(b"[192.0.2.1]")
    (True, False, False, False)
    """
    labels = name.removesuffix(b".").split(b".")
    last = labels[-1].replace(b"-", b"")
    return (
        len(labels) > 1
        and len(name) <= 253
        and all(0 < len(label) < 64 for label in labels)
        and last.isalnum()
        and not labels[-1].isdigit()
    )


def _guarded(checking: _Check, domain: bytes, record: Record | None = None) -> Asking:
    """Run a check; what went wrong is a result, too."""
    try:
        if record is None:
            return (yield from checking.host(domain))
        return (yield from checking.record(record, domain))
    except Temporary as error:
        return Result(TEMPERROR, domain, problem=error.text)
    except Malformed as error:
        return Result(PERMERROR, domain, problem=error.text)


class _Check:
    """One check, with what it has asked for so far."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self._ip = ip_address(values.ip)
        self._kind = Kind.A if self._ip.version == 4 else Kind.AAAA
        self._lookups = 0
        self._voids = 0
        self._validated: bytes | None = None

    def host(self, domain: bytes, is_included: bool = False) -> Asking:
        """check_host(): the policy of a domain.

        :raises Temporary, Malformed: temperror, permerror.
        """
        if not is_domain(domain):
            return Result(NONE, domain)
        (answer,) = yield from self._ask(Question(domain, Kind.TXT))
        text = select(answer.records)
        if text is None:
            return Result(NONE, domain)
        return (yield from self.record(parse(text), domain, is_included))

    def record(self, record: Record, domain: bytes, is_included: bool = False) -> Asking:
        """The result of a policy for a domain.

        :raises Temporary, Malformed: temperror, permerror.
        """
        for mechanism in record.mechanisms:
            if (yield from self._matches(mechanism, domain)):
                result = Result(mechanism.result, domain, mechanism.text)
                if mechanism.result == FAIL and record.explanation and not is_included:
                    return result._replace(explanation=(yield from self._explain(record.explanation, domain)))
                return result
        if record.redirect is None or any(mechanism.name == "all" for mechanism in record.mechanisms):
            return Result(NEUTRAL, domain, b"default")
        self._count()
        target = yield from self._domain(record.redirect, domain)
        result = yield from self.host(target, is_included)
        if result.code == NONE:
            raise Malformed(f"its SPF record redirects to {shown(target)}, which has none")
        return result

    # -- mechanisms

    def _matches(self, mechanism: Mechanism, domain: bytes) -> _Truth:
        if mechanism.name == "all":
            return True
        if mechanism.network is not None:
            return self._ip in mechanism.network
        self._count()
        target = domain if mechanism.domain is None else (yield from self._domain(mechanism.domain, domain))
        match mechanism.name:
            case "include":
                return (yield from self._includes(target))
            case "exists":
                (answer,) = yield from self._counted(Question(target, Kind.A))
                return answer.status is Status.FOUND
            case "a":
                (answer,) = yield from self._counted(Question(target, self._kind))
                return self._is_among(answer, mechanism)
            case "mx":
                return (yield from self._is_mx(target, mechanism))
            case _:
                names = yield from self._names_validated(target)
                return any(_is_within(name, target) for name in names)

    def _includes(self, target: bytes) -> _Truth:
        result = yield from self.host(target, is_included=True)
        if result.code == NONE:
            raise Malformed(f"its SPF record includes {shown(target)}, which has none")
        return result.code == PASS

    def _is_mx(self, target: bytes, mechanism: Mechanism) -> _Truth:
        (answer,) = yield from self._counted(Question(target, Kind.MX))
        if len(answer.records) > HOSTS:
            raise Malformed(f"{shown(target)} has more than {HOSTS} MX hosts")
        questions = [Question(name, self._kind) for _, name in sorted(answer.records) if name]
        if not questions:
            return False
        for found in (yield tuple(questions)):
            self._note(found)
            if self._is_among(found, mechanism):
                return True
        return False

    def _is_among(self, answer: Answer, mechanism: Mechanism) -> bool:
        bits = mechanism.bits[self._ip.version == 6]
        network = ip_network(f"{self._ip}/{bits}", strict=False)
        return any(_address(record) in network for record in answer.records)

    def _names_validated(self, target: bytes) -> _Names:
        """Names of the client that lead back to its address. Trouble with them is no error. (RFC 7208 §5.5)"""
        zone = b"in-addr.arpa" if self._ip.version == 4 else b"ip6.arpa"
        (answer,) = yield (Question(reversed_address(str(self._ip).encode()) + zone, Kind.PTR),)
        if answer.status is not Status.FOUND:
            return []
        names = list(answer.records)[:HOSTS]
        answers = yield tuple(Question(name, self._kind) for name in names)
        return [
            name
            for name, found in zip(names, answers, strict=True)
            if any(_address(record) == self._ip for record in found.records)
        ]

    # -- domains with macros, explanations

    def _domain(self, text: bytes, domain: bytes) -> _Text:
        validated = yield from self._p(text, domain)
        return expand_domain(text, self._values, domain, validated)

    def _p(self, text: bytes, domain: bytes) -> _Text:
        """What %{p} stands for, if it is there at all: the domain itself, a name within it, any, or `unknown`."""
        if b"p" not in letters(text):
            return b"unknown"
        names = yield from self._names_validated(domain)
        best = [name for name in names if name.lower() == domain.lower()]
        best += [name for name in names if _is_within(name, domain)]
        return [*best, *names, b"unknown"][0]

    def _explain(self, text: bytes, domain: bytes) -> _Text:
        """The domain's words for a refusal; empty if they cannot be had. (RFC 7208 §6.2)"""
        try:
            target = yield from self._domain(text, domain)
            if not is_domain(target):
                return b""
            (answer,) = yield (Question(target, Kind.TXT),)
            if answer.status is not Status.FOUND or len(answer.records) != 1:
                return b""
            words: bytes = answer.records[0]
            if not is_explanation(words) or not has_only_letters(words, b"slodiphcrtv") or len(words) > 1024:
                return b""
            validated = yield from self._p(words, domain)
            return expand(words, self._values, domain, validated)
        except (Malformed, Temporary):
            return b""

    # -- questions

    def _count(self) -> None:
        self._lookups += 1
        if self._lookups > LOOKUPS:
            raise Malformed(f"its SPF record needs more than {LOOKUPS} lookups")

    def _ask(self, question: Question) -> Generator[tuple[Question, ...], tuple[Answer, ...], tuple[Answer, ...]]:
        answers = yield (question,)
        if answers[0].status is Status.TROUBLE:
            raise Temporary(f"DNS does not answer for {shown(question.name)}")
        return answers

    def _counted(self, question: Question) -> Generator[tuple[Question, ...], tuple[Answer, ...], tuple[Answer, ...]]:
        if not _can_be_asked(question.name):
            return (Answer(Status.ABSENT),)
        answers = yield (question,)
        self._note(answers[0], question.name)
        return answers

    def _note(self, answer: Answer, name: bytes = b"its MX host") -> None:
        if answer.status is Status.TROUBLE:
            raise Temporary(f"DNS does not answer for {shown(name)}")
        if answer.status is not Status.FOUND:
            self._voids += 1
            if self._voids > VOIDS:
                raise Malformed(f"its SPF record names more than {VOIDS} things that do not exist")


def _can_be_asked(name: bytes) -> bool:
    return 0 < len(name) <= 253 and all(0 < len(label) < 64 for label in name.removesuffix(b".").split(b"."))


def _address(record: str) -> IPv4Address | IPv6Address:
    return ip_address(record)


def _is_within(name: bytes, domain: bytes) -> bool:
    return (b"." + name.lower()).endswith(b"." + domain.lower())
