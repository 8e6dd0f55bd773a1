"""The addresses of this host's network interfaces. (qmail ipme)

Nothing here asks the network or imports much: small programs use it.
"""

from __future__ import annotations

_SIOCGIFCONF = 0x8912
_SIOCGIFFLAGS = 0x8913
_IFF_UP = 1
_RECORD_BYTES = 40  # struct ifreq of 64-bit Linux: 16 bytes of name, then a sockaddr or flags
_NAME_BYTES = 16
_PROC_INET6 = "/proc/net/if_inet6"


def own_addresses() -> frozenset[bytes]:
    """The packed addresses (4 or 16 bytes) of all interfaces that are up, and the unspecified ones, which also mean
    this host.

    :raises OSError: the kernel does not tell.
    """
    from _socket import AF_INET, SOCK_DGRAM, socket  # `socket` itself takes longer to import than all of the rest

    sock = socket(AF_INET, SOCK_DGRAM)
    try:
        named = _ipv4(sock.fileno()) + _ipv6()
        is_up = {name: _is_up(sock.fileno(), name) for name in {name for name, _ in named}}
        return frozenset([bytes(4), bytes(16), *(address for name, address in named if is_up[name])])
    finally:
        sock.close()


def pack(address: str) -> bytes:
    """The 4 or 16 bytes of an address, 4 for an IPv4 address in IPv6 dress; b"" for anything else.

    >>> pack("192.0.2.1"), pack("::ffff:192.0.2.1"), pack("192.0.2")
    (b'\\xc0\\x00\\x02\\x01', b'\\xc0\\x00\\x02\\x01', b'')
    """
    from _socket import AF_INET, AF_INET6, inet_pton

    try:
        packed = inet_pton(AF_INET6 if ":" in address else AF_INET, address)
    except (OSError, ValueError):
        return b""
    return packed[12:] if packed[:12] == b"\0" * 10 + b"\xff\xff" else packed


def _is_up(descriptor: int, name: bytes) -> bool:
    import fcntl

    try:
        record = fcntl.ioctl(descriptor, _SIOCGIFFLAGS, name.ljust(_RECORD_BYTES, b"\0"))
    except OSError:
        return False  # it has just gone
    return bool(int.from_bytes(record[_NAME_BYTES : _NAME_BYTES + 2], "little") & _IFF_UP)


def _ipv4(descriptor: int) -> list[tuple[bytes, bytes]]:
    """Interfaces and their addresses."""
    import fcntl
    import struct
    from array import array

    capacity = 64
    while True:
        room = array("B", bytes(capacity * _RECORD_BYTES))
        request = struct.pack("iL", len(room), room.buffer_info()[0])
        used: int = struct.unpack("iL", fcntl.ioctl(descriptor, _SIOCGIFCONF, request))[0]
        if used < len(room):
            records = room.tobytes()
            starts = range(0, used, _RECORD_BYTES)
            return [(records[at : at + _NAME_BYTES].split(b"\0")[0], records[at + 20 : at + 24]) for at in starts]
        capacity *= 4


def _ipv6() -> list[tuple[bytes, bytes]]:
    try:
        with open(_PROC_INET6, "rb", buffering=0) as stream:
            lines = stream.readall().splitlines()
    except FileNotFoundError:
        return []  # a kernel without IPv6
    return [(line.split()[-1], bytes.fromhex(line[:32].decode("ascii"))) for line in lines]
