"""The names under which DNS keeps the names of addresses. (RFC 1035 §3.5, RFC 3596 §2.5)"""

from __future__ import annotations

from qmtwist.mail.dns import Kind, Question


def pointer_question(address: str) -> Question:
    """What to ask for the name of an IPv4 or IPv6 address in its usual form.

    >>> pointer_question("192.0.2.1").name
    b'1.2.0.192.in-addr.arpa'
    >>> pointer_question("2001:db8::1").name[:20]
    b'1.0.0.0.0.0.0.0.0.0.'
    """
    if ":" not in address:
        name = ".".join(reversed(address.split("."))) + ".in-addr.arpa"
    else:
        from ipaddress import IPv6Address  # rare, and costs more than the rest of a small program

        name = ".".join(reversed(IPv6Address(address).packed.hex())) + ".ip6.arpa"
    return Question(name.encode("ascii"), Kind.PTR)
