"""dnsip: look up the IP addresses of a host

    dnsip name

Prints the addresses of the host, one per line, IPv4 before IPv6. A name without a dot is looked up in the domains of
the search list of /etc/resolv.conf. An IP address stands for itself. The DNS servers are those of control/nameservers,
else those of /etc/resolv.conf; /etc/hosts does not count.

Exit status: 0; 100 (`hard error`) when the host has no address or no name is given; 111 (`soft error`) when DNS does
not answer for now.
"""

from __future__ import annotations

from .common import HARD, qualified_addresses, run


def main(arguments: list[bytes], home: str) -> int:
    """The first argument is the name."""
    if not arguments:
        return HARD
    return run(lambda: b"".join(b"%s\n" % address.encode() for address in qualified_addresses(home, arguments[0])))
