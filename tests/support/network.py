"""A network of one's own: port 25 is free, and documentation addresses answer without being ours. Needs root.

The calling thread enters it, and with it every thread and process that it starts; the machine's network stays as it is.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.privately import _libc

NEW_NETWORK = 0x40000000
SET_FLAGS, UP_AND_RUNNING = 0x8914, 0x1 | 0x40  # SIOCSIFFLAGS; IFF_UP, IFF_RUNNING
FREE_BIND = {socket.AF_INET: (socket.IPPROTO_IP, 15), socket.AF_INET6: (socket.IPPROTO_IPV6, 78)}

# What ends up on the loopback interface without belonging to it: "own addresses" do not hold these.
FOREIGN = ("192.0.2.0/24", "198.51.100.0/24")
FOREIGN6 = ("2001:db8::/32",)


@contextlib.contextmanager
def private_network() -> Iterator[None]:
    """Enter a network name space where 192.0.2.x, 198.51.100.x and 2001:db8::x are reached; leave it at the end.

    Skips the test where that is not allowed.
    """
    if os.geteuid() != 0:
        pytest.skip("needs root: a network of its own")
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if _libc.unshare(NEW_NETWORK):
            pytest.skip("no private networks here")
        try:
            _raise_loopback()
            yield
        finally:
            if _libc.setns(before, NEW_NETWORK):
                raise OSError("cannot leave the network name space")
    finally:
        os.close(before)


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        fcntl.ioctl(probe, SET_FLAGS, struct.pack("16sh14x", b"lo", UP_AND_RUNNING))
    for family, prefixes in (("-4", FOREIGN), ("-6", FOREIGN6)):
        for prefix in prefixes:
            words = ["ip", family, "route", "add", "local", prefix, "dev", "lo"]
            try:
                subprocess.run(words, check=family == "-4", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            except (OSError, subprocess.CalledProcessError):
                pytest.skip("cannot set routes here")


def has_ipv6(address: str = "::1") -> bool:
    """Whether somebody could listen on this IPv6 address."""
    try:
        listen(address).close()
    except OSError:
        return False
    return True


def listen(address: str, port: int = 0, backlog: int = 200) -> socket.socket:
    """A listening TCP socket; the address need not be one of an interface's.

    :raises OSError: no such address, or the port is taken.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(*FREE_BIND[family], 1)
        made.bind((address, port))
        made.listen(backlog)
    except BaseException:
        made.close()
        raise
    return made


class BlackHole:
    """An address whose connections are never made: the queue of its socket is full, so the kernel drops what comes."""

    def __init__(self, address: str, port: int = 0) -> None:
        self._listener = listen(address, port, 0)
        self.address, self.port = self._listener.getsockname()[:2]
        self._fillers = []
        for _ in range(4):
            filler = socket.socket(self._listener.family)
            filler.setblocking(False)
            filler.connect_ex((address, self.port))
            self._fillers.append(filler)

    def close(self) -> None:
        """Give the port back."""
        for opened in (self._listener, *self._fillers):
            opened.close()

    def __enter__(self) -> BlackHole:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def port_for(*addresses: str) -> int:
    """A port that is free at each of these."""
    first = listen(addresses[0])
    try:
        port: int = first.getsockname()[1]
        for address in addresses[1:]:
            listen(address, port).close()
        return port
    finally:
        first.close()
