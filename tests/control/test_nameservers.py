"""control/nameservers.py: which name servers this host asks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qmtwist.control.nameservers import home_name_service, name_service
from qmtwist.wire.nameserver import NameService, Server


@pytest.fixture
def resolv_conf(tmp_path: Path) -> str:
    path = tmp_path / "resolv.conf"
    path.write_bytes(b"nameserver 192.0.2.1\nsearch a.example\noptions timeout:2\n")
    return str(path)


def test_the_systems_servers_are_asked(resolv_conf: str, tmp_path: Path) -> None:
    service = NameService((Server("192.0.2.1"),), 2, 2, (b"a.example",))
    assert name_service((), resolv_conf) == service
    assert home_name_service(str(tmp_path), resolv_conf) == service


def test_our_own_come_instead_and_in_their_order(resolv_conf: str, tmp_path: Path) -> None:
    (tmp_path / "control").mkdir()
    (tmp_path / "control" / "nameservers").write_bytes(b"# ours\n192.0.2.9 5353\n::1\n")
    service = home_name_service(str(tmp_path), resolv_conf)
    assert service == NameService((Server("192.0.2.9", 5353), Server("::1")), 2, 2, (b"a.example",))


def test_a_line_that_is_no_address_is_passed_over(resolv_conf: str) -> None:
    assert name_service([b"ns.example.org", b"192.0.2.9"], resolv_conf).servers == (Server("192.0.2.9"),)
    assert name_service([b"ns.example.org"], resolv_conf).servers == (Server("192.0.2.1"),)


def test_a_system_without_resolv_conf_has_a_server_of_its_own(tmp_path: Path) -> None:
    assert name_service((), str(tmp_path / "none")) == NameService()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_cannot_be_read_is_not_an_absent_one(resolv_conf: str, tmp_path: Path) -> None:
    (tmp_path / "control").mkdir()
    path = tmp_path / "control" / "nameservers"
    path.write_bytes(b"192.0.2.9\n")
    path.chmod(0)
    with pytest.raises(PermissionError):
        home_name_service(str(tmp_path), resolv_conf)


def test_a_link_to_nothing_is_not_an_absent_file(resolv_conf: str, tmp_path: Path) -> None:
    (tmp_path / "control").mkdir()
    (tmp_path / "control" / "nameservers").symlink_to("nowhere")
    with pytest.raises(FileNotFoundError):
        home_name_service(str(tmp_path), resolv_conf)
