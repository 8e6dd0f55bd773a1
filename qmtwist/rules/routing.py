"""Where a recipient goes: to the local channel or to the remote one. (qmail-send(8), rewriting)"""

from __future__ import annotations

from qmtwist.mail.address import split
from qmtwist.mail.shapes import Collection, Iterator, Mapping, NamedTuple


class Routes(NamedTuple):
    """The control files that decide; all names lower case, `me` defaults already applied."""

    locals: Collection[bytes]
    virtualdomains: Mapping[bytes, bytes]
    percenthack: Collection[bytes]
    envnoathost: bytes


class Route(NamedTuple):
    """The channel (`local` or `remote`) and the recipient as that channel is to see it."""

    channel: str
    recipient: bytes


def domain_keys(domain: bytes) -> Iterator[bytes]:
    """The keys under which a domain may be listed: itself, each suffix at a dot, and the empty catch-all.

    >>> list(domain_keys(b"a.b.c"))
    [b'a.b.c', b'.b.c', b'.c', b'']
    """
    yield domain
    at = domain.find(b".")
    while at >= 0:
        if at > 0 or domain != domain[at:]:
            yield domain[at:]
        at = domain.find(b".", at + 1)
    if domain:
        yield b""


def with_host(recipient: bytes, routes: Routes) -> tuple[bytes, bytes]:
    """Local part and domain of a recipient after envnoathost and percenthack. (qmail-send(8))"""
    local, domain = split(recipient)
    if domain is None:
        domain = routes.envnoathost
    while domain.lower() in routes.percenthack and b"%" in local:
        local, _, domain = local.rpartition(b"%")
        inner_local, inner_domain = split(local + b"@" + domain)
        local, domain = inner_local, inner_domain or b""
    return local, domain


def route(recipient: bytes, routes: Routes) -> Route:
    """Channel and rewritten recipient. locals beats virtualdomains; the first key present decides.

    >>> routes = Routes({b"here.example"}, {b".v.example": b"joe"}, (), b"here.example")
    >>> route(b"ann", routes)
    Route(channel='local', recipient=b'ann@here.example')
    >>> route(b"x@a.v.example", routes)
    Route(channel='local', recipient=b'joe-x@a.v.example')
    """
    local, domain = with_host(recipient, routes)
    address = local + b"@" + domain
    lowered = domain.lower()
    if lowered in routes.locals:
        return Route("local", address)
    virtual = routes.virtualdomains
    if virtual:
        prefix = virtual.get(address.lower())
        if prefix is None:
            prefix = next((virtual[key] for key in domain_keys(lowered) if key in virtual), None)
        if prefix:
            return Route("local", prefix + b"-" + address)
    return Route("remote", address)


def without_prefix(recipient: bytes, routes: Routes) -> bytes:
    """The address as the sender knew it: a virtual domain's prefix taken off again, for the bounce.

    Unlike qmail, entries for a single `user@domain` are undone as well.

    >>> routes = Routes((), {b"v.example": b"joe", b"sales@w.example": b"ann-s"}, (), b"h")
    >>> without_prefix(b"joe-x@v.example", routes), without_prefix(b"ann-s-sales@w.example", routes)
    (b'x@v.example', b'sales@w.example')
    """
    local, domain = split(recipient)
    if domain is None or domain.lower() in routes.locals:
        return recipient
    virtual, lowered = routes.virtualdomains, recipient.lower()
    for dash in (at for at, byte in enumerate(local) if byte == 0x2D):  # the list may be long, a local part is not
        prefix = virtual.get(lowered[dash + 1 :])
        if prefix and prefix.lower() == lowered[:dash]:
            return recipient[dash + 1 :]
    for key in domain_keys(domain.lower()):
        prefix = virtual.get(key, b"")
        if key in virtual:
            if prefix and recipient.startswith(prefix + b"-"):
                return recipient[len(prefix) + 1 :]
            return recipient
    return recipient
