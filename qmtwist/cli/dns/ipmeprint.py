"""ipmeprint: print the IP addresses of this host

    ipmeprint

Prints the addresses of all network interfaces that are up, one per line: IPv4, `0.0.0.0` first, then IPv6, `::` first.
Mail is never sent to one of them. Those in control/localaddresses are not printed.

Exit status: 0; 111 when the kernel does not tell.
"""

from __future__ import annotations

from qmtwist.store import durable
from qmtwist.store.interfaces import own_addresses


def main(arguments: list[bytes], home: str) -> int:
    """Arguments are ignored, as in qmail."""
    from _socket import AF_INET, AF_INET6, inet_ntop

    try:
        addresses = sorted(own_addresses(), key=lambda packed: (len(packed), packed))
    except OSError as error:
        durable.write_all(2, f"ipmeprint: fatal: unable to read the interfaces: {error.strerror}\n".encode())
        return 111
    lines = [inet_ntop(AF_INET if len(packed) == 4 else AF_INET6, packed) for packed in addresses]
    durable.write_all(1, "".join(line + "\n" for line in lines).encode())
    return 0
