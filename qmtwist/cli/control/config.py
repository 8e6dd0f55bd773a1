"""config - write the control files from what DNS says of this host

    config

Looks up the canonical name of this host in DNS, as dnsfq does, and puts it into control/me, and what follows from it
into control/defaultdomain and control/plusdomain, whatever they had. Then it asks for the names of all IP addresses of
this host and of its name: they become control/locals, and control/rcpthosts is the same. The DNS servers are those of
control/nameservers, else those of /etc/resolv.conf.

If the name cannot be found nothing is written; use config-fast, or write control/me yourself.

Exit status: 0, also if the name cannot be found, as ever; 111 if a file cannot be written or DNS cannot be asked.
"""

from __future__ import annotations

import socket
import sys

from qmtwist.agents.dns import Resolver
from qmtwist.cli.dns.common import qualified_addresses, records, resolver
from qmtwist.mail.dns import Kind, Question
from qmtwist.mail.errors import MailError, suppress
from qmtwist.store.interfaces import own_addresses
from qmtwist.wire.reverse import pointer_question

from . import hostname
from .controlfiles import Report

UNNAMED = "PTR lookup failed. I assume this address has no DNS name."
YOURSELF = "You will have to set up control/me yourself."


def main(arguments: list[bytes], home: str) -> int:
    """Ask and write; see the module's text."""
    try:
        return _configure(home)
    except OSError as trouble:
        sys.stderr.write(f"config: fatal: {trouble.filename}: {trouble.strerror}\n")
        return 111


def _configure(home: str) -> int:
    host = socket.gethostname().lower()
    if not host:
        print("Sorry, I couldn't find your hostname.", YOURSELF, sep="\n")
        return 0
    print(f"Your hostname is {host}.")
    asked = resolver(home)
    try:
        name = _canonical(asked, host, qualified_addresses(home, host.encode()))
    except MailError:
        name = ""
    if not hostname.is_host_name(name):
        print("Sorry, I couldn't find your host's canonical name in DNS.", YOURSELF, sep="\n")
        return 0
    print(f"Your host's fully qualified name in DNS is {name}.")
    report = Report(home)
    report.put_names(name)
    names = {found for address in _addresses(asked, name) if (found := _known(asked, address))}
    lines = "".join(f"{found}\n" for found in sorted(names))
    report.replace("locals", lines)
    print("If there are any other domain names that point to you,")
    print("you will have to add them to control/locals.")
    print("Copying control/locals to control/rcpthosts...")
    report.replace("rcpthosts", lines)
    report.remind()
    return 0


def _canonical(asked: Resolver, host: str, addresses: list[str]) -> str:
    """The name of the host's first address; if several have names, one that is the host's, since DNS turns its answers.

    :raises MailError: the first has none, for ever or for now.
    """
    first = _name(asked, addresses[0]).lower()
    names = [first]
    for address in addresses[1:]:
        with suppress(MailError):
            names.append(_name(asked, address).lower())
    return next((name for name in names if f"{name}.".startswith(f"{host}.")), first)


def _name(asked: Resolver, address: str) -> str:
    """The name of an address.

    :raises MailError: none, for ever or for now.
    """
    (answer,) = asked.ask(pointer_question(address))
    name = records(answer)[0]
    return name.decode("latin-1") if isinstance(name, bytes) else ""


def _known(asked: Resolver, address: str) -> str:
    """The name of an address, and a line that says what was found; empty for none."""
    name = ""
    with suppress(MailError):
        name = _name(asked, address).lower()
    if not hostname.is_host_name(name):
        name = ""
    print(f"{address}: {f'Adding {name} to control/locals...' if name else UNNAMED}")
    return name


def _addresses(asked: Resolver, name: str) -> list[str]:
    """The addresses of our interfaces, and those that DNS has for our name."""
    own = [
        socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)
        for packed in sorted(own_addresses(), key=lambda packed: (len(packed), packed))
        if any(packed)
    ]
    kinds = (Kind.A, Kind.AAAA)
    answers = asked.ask(*(Question(name.encode(), kind) for kind in kinds))
    found = [str(address) for answer in answers for address in answer.records]
    return list(dict.fromkeys([*own, *found]))
