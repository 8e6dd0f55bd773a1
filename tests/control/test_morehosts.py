"""control/morehosts.py: morercpthosts.cdb, as it is now."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

from qmtwist.control.morehosts import MoreHosts
from qmtwist.mail.errors import Malformed
from qmtwist.store import cdb


def put(path: Path, *names: bytes) -> None:
    cdb.write(str(path), f"{path}.tmp", [(name, b"") for name in names])


def test_a_database_that_is_replaced_counts_at_once(tmp_path: Path) -> None:
    path = tmp_path / "morercpthosts.cdb"
    hosts = MoreHosts(str(path))
    assert not hosts(b"a.example")
    put(path, b"a.example")
    assert hosts(b"a.example") and not hosts(b"b.example")
    put(path, b"b.example")
    assert hosts(b"b.example") and not hosts(b"a.example")
    os.unlink(path)
    assert not hosts(b"b.example")
    hosts.close()


def test_a_damaged_database_is_said_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "morercpthosts.cdb"
    path.write_bytes(b"short")
    hosts = MoreHosts(str(path))
    for _ in range(2):
        with pytest.raises(Malformed):
            hosts(b"a.example")


def test_descriptors_are_given_back(tmp_path: Path) -> None:
    path = tmp_path / "morercpthosts.cdb"
    put(path, b"a.example")
    before = len(os.listdir("/proc/self/fd"))
    hosts = MoreHosts(str(path))
    for _ in range(3):
        put(path, b"a.example")
        assert hosts(b"a.example")
    del hosts
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before
