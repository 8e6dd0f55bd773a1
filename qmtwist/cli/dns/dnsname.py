"""dnsname: look up the names of IP addresses

    dnsname ip ...

Prints for each IPv4 or IPv6 address the first name that DNS has for it, or an empty line if there is none. The DNS
servers are those of control/nameservers, else those of /etc/resolv.conf. (djbdns)

Exit status: 0; 111 when DNS does not answer for now, or an argument is no IP address.
"""

from __future__ import annotations

from functools import partial

from qmtwist.mail.dns import Status
from qmtwist.mail.errors import Temporary
from qmtwist.mail.literal import parse_address
from qmtwist.wire.reverse import pointer_question

from .common import resolver, run


def main(arguments: list[bytes], home: str) -> int:
    """Each argument is an address."""
    for text in arguments:
        if status := run(partial(_name, home, text)):
            return status
    return 0


def _name(home: str, text: bytes) -> bytes:
    shown = text.decode("ascii", "replace")
    address = parse_address(text)
    if address is None:
        raise Temporary(f"dnsname: fatal: unable to parse IP address {shown}")
    (answer,) = resolver(home).ask(pointer_question(address))
    if answer.status is Status.TROUBLE:
        raise Temporary(f"dnsname: fatal: unable to find host name for {shown}: temporary failure")
    return b"%s\n" % (answer.records or (b"",))[0]
