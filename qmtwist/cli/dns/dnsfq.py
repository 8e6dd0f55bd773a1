"""dnsfq: look up the canonical name of a host

    dnsfq name

Prints the name that DNS has for the first IP address of the host. A name without a dot is looked up in the domains of
the search list of /etc/resolv.conf. The DNS servers are those of control/nameservers, else those of /etc/resolv.conf;
/etc/hosts does not count.

Exit status: 0; 100 (`hard error`) when the host has no address or that has no name, or no name is given; 111
(`soft error`) when DNS does not answer for now.
"""

from __future__ import annotations

from qmtwist.wire.reverse import pointer_question

from .common import HARD, qualified_addresses, records, resolver, run


def main(arguments: list[bytes], home: str) -> int:
    """The first argument is the name."""
    if not arguments:
        return HARD
    return run(lambda: _canonical(home, arguments[0]))


def _canonical(home: str, name: bytes) -> bytes:
    address = qualified_addresses(home, name)[0]
    (answer,) = resolver(home).ask(pointer_question(address))
    return b"%s\n" % records(answer)[0]
