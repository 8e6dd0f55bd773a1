"""store/interfaces.py: this host's own addresses."""

from __future__ import annotations

import contextlib
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.store import interfaces
from qmtwist.store.interfaces import own_addresses, pack


def test_loopback_and_the_unspecified_addresses_are_ours() -> None:
    found = own_addresses()
    assert {b"\x7f\0\0\1", bytes(4), bytes(16)} <= found
    assert {len(address) for address in found} <= {4, 16}


def test_the_kernel_lets_us_listen_on_each_ipv4_address_of_ours() -> None:
    ours = {socket.inet_ntoa(address) for address in own_addresses() if len(address) == 4}
    bound = set()
    for address in ours:
        with socket.socket() as sock:
            sock.bind((address, 0))
            bound.add(sock.getsockname()[0])
    assert bound == ours >= {"127.0.0.1"}


def test_an_interface_that_is_down_has_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interfaces, "_is_up", lambda descriptor, name: name != b"lo")
    assert b"\x7f\0\0\1" not in own_addresses()


def test_an_interface_that_has_gone_is_not_up() -> None:
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        assert interfaces._is_up(sock.fileno(), b"lo")
        assert not interfaces._is_up(sock.fileno(), b"nosuchif0")


def test_a_kernel_without_ipv6_has_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interfaces, "_PROC_INET6", "/nonexistent")
    assert {len(address) for address in own_addresses() - {bytes(16)}} == {4}


@given(st.text(max_size=50))
def test_what_is_no_address_packs_into_nothing(text: str) -> None:
    assert len(pack(text)) in (0, 4, 16)
    assert pack(text + "x\0") == b""
