"""dnsptr: look up the name of an IP address

    dnsptr ip

Prints the name that DNS has for an IPv4 or IPv6 address; of several, the first. The DNS servers are those of
control/nameservers, else those of /etc/resolv.conf.

Exit status: 0; 100 (`hard error`) when there is no name, or `ip` is none or not given; 111 (`soft error`) when DNS does
not answer for now.
"""

from __future__ import annotations

from qmtwist.mail.errors import Permanent
from qmtwist.mail.literal import parse_address
from qmtwist.wire.reverse import pointer_question

from .common import HARD, records, resolver, run


def main(arguments: list[bytes], home: str) -> int:
    """The first argument is the address."""
    if not arguments:
        return HARD
    return run(lambda: _name(home, arguments[0]))


def _name(home: str, text: bytes) -> bytes:
    address = parse_address(text)
    if address is None:
        raise Permanent("hard error")
    (answer,) = resolver(home).ask(pointer_question(address))
    return b"%s\n" % records(answer)[0]
