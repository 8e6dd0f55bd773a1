"""dnsmxip: look up where the mail of a host goes

    dnsmxip name

Prints the IP addresses of the mail exchangers of the host, or its own if it has none, one per line, each with its
preference, in an order in which qmail-remote may try them: those of equal preference in random order, and the kinds
of addresses as in control/outgoingfamilies. control/smtproutes is not looked at, nor is it checked whether an address
is ours. The DNS servers are those of control/nameservers, else those of /etc/resolv.conf.

Exit status: 0; 100 (`hard error`) when the host gets no mail or no name is given; 111 (`soft error`) when DNS does not
answer for now.
"""

from __future__ import annotations

import random

from qmtwist.control import grammar
from qmtwist.mail.errors import Permanent, Temporary
from qmtwist.rules.mx import Target, targets
from qmtwist.rules.outgoing import parse_families
from qmtwist.rules.smarthost import next_hop

from .common import HARD, resolver, run


def main(arguments: list[bytes], home: str) -> int:
    """The first argument is the name."""
    if not arguments:
        return HARD
    return run(lambda: _exchangers(home, arguments[0]))


def _exchangers(home: str, name: bytes) -> bytes:
    families = parse_families(grammar.read_line(home, "outgoingfamilies") or b"ipv4 ipv6")
    asking = targets(next_hop(name, {}, {}), lambda address: False, families, random.SystemRandom().shuffle)
    try:
        found: list[Target] = resolver(home).pump(asking)
    except Temporary:
        raise Temporary("soft error")
    except Permanent:
        raise Permanent("hard error")
    return b"".join(
        b"%s %d\n" % (target.address.encode(), target.preference) for target in found if target.protocol == "smtp"
    )
