"""The addresses of this host's network interfaces. (qmail ipme)

Nothing here asks the network or imports much: small programs use it.
"""

from __future__ import annotations

_SIOCGIFCONF = 0x8912
_RECORD_BYTES = 40  # struct ifreq of 64-bit Linux: 16 bytes of name, then a sockaddr
_PROC_INET6 = "/proc/net/if_inet6"


def own_addresses() -> frozenset[bytes]:
    """The packed addresses (4 or 16 bytes) of all interfaces, and the unspecified ones, which also mean this host.

    :raises OSError: the kernel does not tell.
    """
    return frozenset([bytes(4), bytes(16), *_ipv4(), *_ipv6()])


def _ipv4() -> list[bytes]:
    import fcntl
    import struct
    from _socket import AF_INET, SOCK_DGRAM, socket  # `socket` itself takes longer to import than all of the rest
    from array import array

    capacity = 64
    sock = socket(AF_INET, SOCK_DGRAM)
    try:
        while True:
            room = array("B", bytes(capacity * _RECORD_BYTES))
            request = struct.pack("iL", len(room), room.buffer_info()[0])
            used: int = struct.unpack("iL", fcntl.ioctl(sock.fileno(), _SIOCGIFCONF, request))[0]
            if used < len(room):
                records = room.tobytes()
                return [records[at + 20 : at + 24] for at in range(0, used, _RECORD_BYTES)]
            capacity *= 4
    finally:
        sock.close()


def _ipv6() -> list[bytes]:
    try:
        with open(_PROC_INET6, "rb", buffering=0) as stream:
            lines = stream.readall().splitlines()
    except FileNotFoundError:
        return []  # a kernel without IPv6
    return [bytes.fromhex(line[:32].decode("ascii")) for line in lines]
