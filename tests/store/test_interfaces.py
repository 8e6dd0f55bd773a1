"""store/interfaces.py: this host's own addresses."""

from __future__ import annotations

import socket

from qmtwist.store.interfaces import own_addresses


def test_loopback_and_the_unspecified_addresses_are_ours() -> None:
    found = own_addresses()
    assert {b"\x7f\0\0\1", bytes(4), bytes(16)} <= found
    assert {len(address) for address in found} <= {4, 16}


def test_the_kernel_lets_us_listen_on_each_ipv4_address_of_ours() -> None:
    for address in own_addresses():
        if len(address) == 4:
            with socket.socket() as sock:
                sock.bind((socket.inet_ntoa(address), 0))
