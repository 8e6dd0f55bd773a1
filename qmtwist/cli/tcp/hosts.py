"""Hosts and ports as people write them on a command line."""

from __future__ import annotations

from _socket import getservbyname

from qmtwist.cli.dns.common import qualified_addresses
from qmtwist.mail.literal import parse_address

LOCALHOST = ("127.0.0.1", "::1")  # RFC 6761 §6.3: no name server knows better


def port_number(text: bytes) -> int | None:
    """A port by its number or the name of its service; None: there is no such port.

    >>> port_number(b"25"), port_number(b"70000"), port_number(b"no-such-service")
    (25, None, None)
    """
    if text.isdigit():
        number = int(text[-10:])
        return number if number < 65536 and len(text) <= 10 else None
    try:
        return getservbyname(text.decode("ascii"), "tcp")
    except (OSError, UnicodeDecodeError):
        return None


def addresses(host: bytes, home: str) -> list[str]:
    """The addresses, IPv4 first, of a name or of an address itself, in brackets or bare.

    :raises MailError: there are none; Temporary: DNS does not answer for now.
    """
    literal = parse_address(host)
    if literal is not None:
        return [literal]
    if host.lower() == b"localhost":
        return list(LOCALHOST)
    return qualified_addresses(home, host)
