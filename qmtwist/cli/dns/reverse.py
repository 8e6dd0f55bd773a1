"""The names under which DNS keeps addresses. (RFC 1035 §3.5, RFC 3596 §2.5)"""

from __future__ import annotations

from qmtwist.mail.dns import Kind, Question
from qmtwist.store.interfaces import pack


def pointer_question(address: str) -> Question:
    """What to ask for the name of an address.

    >>> pointer_question("192.0.2.1").name
    b'1.2.0.192.in-addr.arpa'
    >>> pointer_question("2001:db8::1").name[:20]
    b'1.0.0.0.0.0.0.0.0.0.'
    """
    packed = pack(address)
    if len(packed) == 4:
        name = ".".join(str(byte) for byte in reversed(packed)) + ".in-addr.arpa"
    else:
        name = ".".join(reversed(packed.hex())) + ".ip6.arpa"
    return Question(name.encode(), Kind.PTR)
