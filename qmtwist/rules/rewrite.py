"""Hosts of addresses, rewritten by rules of the postmaster or of the user. (rewriting(5) of mess822)

A rule is a line `Xpost:new`, where X says what the host must be like; the rest of the line is put in its place. All
rules are tried in order, each at most once, and each sees what those before it left. Capitals do not matter. Lines
that are no rules say nothing.

    =post:new   the host is `post`; it becomes `new`
    *post:new   the host ends in `post`; that end becomes `new`
    ?post:new   likewise, if the rest of the host has no dot and no bracket
    -post:new   the host ends in `post`; the whole host becomes `new`
"""

from __future__ import annotations

from qmtwist.mail.address import split
from qmtwist.mail.shapes import Iterable, NamedTuple
from qmtwist.mail.tolerant import Member

from .completion import Hosts

_KINDS = (b"=", b"*", b"?", b"-")
_NOT_SHORT = b".[]"
HOST_BYTES = 1000  # a longer one is no host, and none may grow beyond


class Rule(NamedTuple):
    """One line; `end` in lower case."""

    kind: bytes
    end: bytes
    new: bytes

    def applied(self, host: bytes) -> bytes:
        """The host under this rule.

        >>> Rule(b"?", b"", b".example.org").applied(b"cs"), Rule(b"-", b".cs", b"gate").applied(b"X.CS")
        (b'cs.example.org', b'gate')
        """
        if not host.lower().endswith(self.end):
            return host
        rest = host[: len(host) - len(self.end)]
        if self.kind == b"*" or (self.kind == b"?" and rest.translate(None, _NOT_SHORT) == rest):
            return rest + self.new
        return self.new if self.kind == b"-" or (self.kind == b"=" and not rest) else host


def parse_rule(line: bytes) -> Rule | None:
    """The rule that a line is, None if it is none.

    >>> parse_rule(b"*.Sub:.net"), parse_rule(b"=nothing")
    (Rule(kind=b'*', end=b'.sub', new=b'.net'), None)
    """
    end, colon, new = line[1:].partition(b":")
    return Rule(line[:1], end.lower(), new) if line[:1] in _KINDS and colon else None


class Rules:
    """A list of rules. Made when a program or a service reads its control files."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._rules = [rule for rule in map(parse_rule, lines) if rule is not None]

    def host(self, host: bytes) -> bytes:
        """The host under all rules; one that rules make very long stays as it was.

        >>> Rules([b"=one:two", b"=two:three", b"=one:four"]).host(b"One")
        b'three'
        """
        written = host
        for rule in self._rules:
            if len(host) > HOST_BYTES:
                return written
            host = rule.applied(host)
        return host if len(host) <= HOST_BYTES else written

    def member(self, member: Member) -> Member:
        """One of a list; a name alone and the empty address stay as they are.

        >>> Rules([b"=:host"]).member(Member(b"J", b"joe", b""))
        Member(name=b'J', box=b'joe', host=b'host')
        """
        if member.box or member.host:
            return member._replace(host=self.host(member.host))
        return member

    def address(self, text: bytes) -> bytes:
        """An address of an envelope, which has no quotes; the empty one stays empty.

        >>> Rules([b"=:host"]).address(b"joe"), Rules([b"=:host"]).address(b"")
        (b'joe@host', b'')
        """
        box, host = split(text)
        return self.member(Member(b"", box, host or b"")).address


def default_lines(hosts: Hosts) -> tuple[bytes, ...]:
    """The rules of a home without control/rewrite: those by which qmail-inject completes addresses."""
    return (b"*.:", b"=:" + hosts.defaulthost, b"*+:." + hosts.plusdomain, b"?:." + hosts.defaultdomain)
