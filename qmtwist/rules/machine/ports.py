"""Who listens where: the kernel's tables of sockets, and whether a service of ours would collide. (proc(5))

Linux only, where the tables are; an empty table tells nothing and collides with nothing.
"""

from __future__ import annotations

from qmtwist.mail.shapes import Iterable, NamedTuple

LISTENING = "0A"  # TCP_LISTEN


class Listener(NamedTuple):
    """A socket that takes TCP connections."""

    address: str  # in its usual form
    port: int
    uid: int
    inode: int  # by which /proc/PID/fd names it


class Claim(NamedTuple):
    """Where a line of control/listen... wants to listen."""

    address: str
    port: int


def listeners(table: str) -> list[Listener]:
    """The listening sockets in the text of /proc/net/tcp or /proc/net/tcp6.

    >>> listeners("sl local\\n0: 0100007F:0019 00000000:0000 0A 00000000:00000000 00:00000000 00000000 1005 0 77 1")
    [Listener(address='127.0.0.1', port=25, uid=1005, inode=77)]
    """
    found = []
    for line in table.splitlines()[1:]:
        words = line.split()
        if len(words) > 9 and words[3] == LISTENING:
            packed, _, port = words[1].partition(":")
            found.append(Listener(_address(packed), int(port, 16), int(words[7]), int(words[9])))
    return found


def _address(digits: str) -> str:
    """The kernel writes 32-bit words as numbers of the machine, which is little-endian."""
    packed = b"".join(bytes.fromhex(digits[at : at + 8])[::-1] for at in range(0, len(digits), 8))
    if len(packed) == 4:
        return ".".join(map(str, packed))
    from ipaddress import IPv6Address  # rare, and costs more than the rest of a small program

    return str(IPv6Address(packed))


def claim(endpoint: str) -> Claim | None:
    """The address and port that a Twisted endpoint stands for; None: it is no TCP port of its own.

    >>> claim("tcp:25"), claim("tcp6:port=2525:interface=\\\\:\\\\:1"), claim("unix:/run/qmqp")
    (Claim(address='0.0.0.0', port=25), Claim(address='::1', port=2525), None)
    """
    kind, *words = _split(endpoint)
    if kind.lower() not in ("tcp", "tcp4", "tcp6", "ssl", "tls"):
        return None
    named = dict(word.split("=", 1) for word in words if "=" in word)
    plain = [word for word in words if "=" not in word]
    port = named.get("port") or (plain[0] if plain else "")
    if not port.isdigit() or not 0 < int(port) < 65536:
        return None
    return Claim(named.get("interface") or ("::" if kind.lower() == "tcp6" else "0.0.0.0"), int(port))


def _split(endpoint: str) -> list[str]:
    """The parts between colons; a backslash makes the next character an ordinary one."""
    parts, is_quoted = [""], False
    for letter in endpoint:
        if letter == ":" and not is_quoted:
            parts.append("")
        elif letter == "\\" and not is_quoted:
            is_quoted = True
            continue
        else:
            parts[-1] += letter
        is_quoted = False
    return parts


def colliding(claim: Claim, there: Iterable[Listener]) -> list[Listener]:
    """The sockets that keep us from listening as claimed.

    A socket on `::` usually takes IPv4 connections as well.

    >>> colliding(Claim("0.0.0.0", 25), [Listener("127.0.0.1", 25, 0, 1), Listener("::1", 25, 0, 2)])
    [Listener(address='127.0.0.1', port=25, uid=0, inode=1)]
    """
    return [found for found in there if found.port == claim.port and _meet(claim.address, found.address)]


def _meet(one: str, other: str) -> bool:
    if one == other or "::" in (one, other):
        return True
    return "0.0.0.0" in (one, other) and ":" not in one + other


def is_local_only(claims: Iterable[Claim]) -> bool:
    """Whether nobody but this host can connect: there are claims, and all are of the loopback."""
    addresses = [claim.address for claim in claims]
    return bool(addresses) and all(address == "::1" or address.startswith("127.") for address in addresses)
