"""Where mail goes, in words for people: what decides about an address, and what a .qmail file does with it."""

from __future__ import annotations

from qmtwist.mail.shapes import NamedTuple, Sequence

from .dotqmail import Instruction
from .mx import Target
from .routing import Routes, domain_keys, route, with_host
from .smarthost import Hop

_KINDS = {
    "maildir": b"into the maildir ",
    "mbox": b"into the mbox ",
    "forward": b"on to ",
    "program": b"to the program ",
}


class Routed(NamedTuple):
    """The channel, the recipient as it sees it, and why."""

    channel: str
    recipient: bytes
    lines: tuple[bytes, ...]


def routed(address: bytes, routes: Routes) -> Routed:
    """What the queue manager decides about a recipient.

    >>> routed(b"x@v.example", Routes((), {b"v.example": b"joe"}, (), b"h.example")).lines
    (b'control/virtualdomains has v.example: it stays here, as mail for joe-x',)
    """
    channel, recipient = route(address, routes)
    local, domain = with_host(address, routes)
    lines = []
    meant = local + b"@" + domain
    if meant != address:
        lines.append(b"control/envnoathost and control/percenthack make it " + meant)
    return Routed(channel, recipient, (*lines, _why(meant, domain.lower(), recipient, routes)))


def _why(address: bytes, domain: bytes, recipient: bytes, routes: Routes) -> bytes:
    if domain in routes.locals:
        return b"control/locals has %s: it stays here" % domain
    keys = (address.lower(), *domain_keys(domain))
    key = next((key for key in keys if key in routes.virtualdomains), None)
    if key is None:
        return b"neither control/locals nor control/virtualdomains has %s: it goes to another host" % domain
    shown = key or b"everybody else's domain"
    if not routes.virtualdomains[key]:
        return b"control/virtualdomains makes an exception of %s: it goes to another host" % shown
    return b"control/virtualdomains has %s: it stays here, as mail for %s" % (shown, recipient.rpartition(b"@")[0])


def hop_words(hop: Hop) -> bytes:
    """By which control file mail for another host is sent, if by any."""
    protocol = hop.protocol.upper().encode()
    if not hop.is_route:
        return b"no route: the exchangers of %s in the DNS get it, by %s" % (hop.host, protocol)
    name = b"smtproutes" if hop.protocol == "smtp" else b"qmtproutes"
    return b"control/%s: %s port %d gets it, by %s" % (name, hop.host, hop.port, protocol)


def target_words(targets: Sequence[Target]) -> list[bytes]:
    """The addresses to be tried, best first.

    >>> target_words([Target("192.0.2.1", 25, "smtp", b"mx.example", 10)])
    [b'    192.0.2.1 port 25, mx.example (10)']
    """
    return [
        b"    %s port %d, %s (%d)" % (target.address.encode(), target.port, target.name, target.preference)
        for target in targets
    ]


def instruction_words(instructions: Sequence[Instruction]) -> list[bytes]:
    """What is done with the mail, in order.

    >>> instruction_words([Instruction("forward", b"ann@host.example", 1)])
    [b'    on to ann@host.example']
    """
    return [b"    " + _KINDS[kind] + value for kind, value, _ in instructions]
