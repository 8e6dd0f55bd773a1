"""services/gate.py: the socket of a UNIX endpoint, and those whom a killed server left."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from qmtwist.services.gate import clear_socket


def left_behind(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)


@pytest.mark.parametrize("form", ["unix:{}:mode=660", "unix:mode=660:address={}"])
def test_a_socket_that_nobody_listens_on_is_removed(tmp_path: Path, form: str) -> None:
    path = f"{tmp_path}/qmqp"
    left_behind(path)
    assert clear_socket(form.format(path)) == form.format(path) + ":lockfile=0"
    assert not os.path.lexists(path)


def test_one_that_somebody_listens_on_stays(tmp_path: Path) -> None:
    path = f"{tmp_path}/qmqp"
    with socket.socket(socket.AF_UNIX) as alive:
        alive.bind(path)
        alive.listen()
        clear_socket(f"unix:{path}")
        assert os.path.lexists(path)


def test_what_is_no_socket_stays(tmp_path: Path) -> None:
    path = tmp_path / "qmqp"
    path.write_text("something")
    clear_socket(f"unix:{path}")
    assert path.read_text() == "something"


def test_nothing_there_and_a_lockfile_of_ones_own_are_fine(tmp_path: Path) -> None:
    assert clear_socket(f"unix:{tmp_path}/qmqp:lockfile=1") == f"unix:{tmp_path}/qmqp:lockfile=1"
