"""What `qmtwist check` looks at outside the home: who has our ports, and what DNS says of our name."""

from __future__ import annotations

import shlex
import socket
import threading

from qmtwist.agents.dns import Resolver
from qmtwist.agents.supervise import keepers
from qmtwist.control import grammar
from qmtwist.control.load import Complaints, load
from qmtwist.control.nameservers import home_name_service
from qmtwist.control.settings import ListenSettings, Settings
from qmtwist.mail.shapes import Iterator
from qmtwist.rules.machine import ownname
from qmtwist.rules.machine.ports import claim, colliding, is_local_only
from qmtwist.store.interfaces import own_addresses
from qmtwist.wire.reverse import pointer_question

from . import listening, nullclient

DEADLINE_S = 10.0
SERVICES = ("smtp", "pop3", "qmtp", "qmqp", "qmtps", "qmqps", "ofmip", "http", "https")


def problems(home: str, has_dns: bool = True, deadline_s: float = DEADLINE_S) -> Iterator[str]:
    """A sentence for each thing that is wrong, with what mends it; DNS, if it is asked, gets so many seconds."""
    try:
        settings = load(home)
    except (Complaints, OSError):
        return  # said already
    is_null_client = nullclient.is_null_client(home)
    if not is_null_client:
        yield from _ports(home, settings.listen)
    if has_dns:
        yield from _name(home, settings, is_null_client, deadline_s)


def _ports(home: str, listen: ListenSettings) -> Iterator[str]:
    """Ports of control/listen... that others have. A port that is free is good: the server may not run."""
    there = listening.all_listeners()
    try:
        server = keepers.process(home)
    except keepers.NotAllowed:
        return  # another's server; and only root learns which sockets are its own
    for service, endpoints in _endpoints(listen):
        path = grammar.control_path(home, f"listen{service}")
        for wanted in filter(None, map(claim, endpoints)):
            for holder in listening.strangers(colliding(wanted, there), home, server):
                what = f"port {wanted.port} is taken by {holder.shown}"
                yield f"{path}: {what}: {holder.mending(wanted.port)}"


def _endpoints(listen: ListenSettings) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The services that listen, as far as this version has them."""
    for service in SERVICES:
        yield service, getattr(listen, service, ())


def _name(home: str, settings: Settings, is_null_client: bool, deadline_s: float) -> Iterator[str]:
    me = grammar.read_line(home, "me")
    if not me:
        return  # said already
    claims = [claimed for line in settings.listen.smtp if (claimed := claim(line))]
    takes_mail = not is_null_client and me in settings.send.locals and bool(claims) and not is_local_only(claims)
    own = tuple(sorted(map(_shown, filter(any, own_addresses()))))
    public = tuple(address for address in own if _is_public(address))
    host = ownname.Host(me.decode("ascii", "replace"), own, public, takes_mail, pointer_question)
    path = grammar.control_path(home, "me")
    findings = _ask(home, host, deadline_s)
    if findings is None:
        servers = " ".join(server.address for server in home_name_service(home).servers)
        who = f"the name servers ({servers}) do not answer within {deadline_s:g} seconds"
        other = grammar.control_path(home, "nameservers")
        yield f"{path}: {who}: echo ADDRESS >{shlex.quote(other)}, or mend /etc/resolv.conf"
        return
    for finding in findings:
        yield f"{path}: {finding.what}: {finding.mending}"


def _ask(home: str, host: ownname.Host, deadline_s: float) -> list[ownname.Finding] | None:
    """What is wrong with the name in DNS; None: it could not be known in time."""
    found: list[list[ownname.Finding]] = []
    resolver = Resolver(home_name_service(home))
    # a server that is silent costs up to half a minute a question; the thread is left behind
    asker = threading.Thread(target=lambda: found.append(resolver.pump(ownname.examine(host))), daemon=True)
    asker.start()
    asker.join(deadline_s)
    return found[0] if found else None


def _shown(packed: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def _is_public(address: str) -> bool:
    from ipaddress import ip_address

    return ip_address(address).is_global
