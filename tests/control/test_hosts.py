"""The names that complete addresses."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmtwist.control.hosts import read_hosts
from qmtwist.rules.completion import Hosts


@pytest.fixture
def control(tmp_path: Path) -> Path:
    (tmp_path / "control").mkdir()
    return tmp_path / "control"


def read(control: Path, **environ: bytes) -> Hosts:
    return read_hosts(str(control.parent), {name.encode(): value for name, value in environ.items()})


def test_without_any_file_the_names_stand_for_themselves(control: Path) -> None:
    assert read(control) == Hosts(b"defaulthost", b"defaultdomain", b"plusdomain", b"idhost")


def test_a_file_that_is_missing_is_me(control: Path) -> None:
    (control / "me").write_text("mail.example\n")
    (control / "plusdomain").write_text("plus.example \t\nmore\n")
    (control / "idhost").write_text("")
    assert read(control) == Hosts(b"mail.example", b"mail.example", b"plus.example", b"")


def test_the_environment_comes_first_even_if_empty(control: Path) -> None:
    (control / "defaulthost").write_text("file.example\n")
    assert read(control, QMAILDEFAULTHOST=b"", QMAILIDHOST=b"i.example")[::3] == (b"", b"i.example")


def test_a_file_that_cannot_be_read_is_not_taken_for_a_missing_one(control: Path) -> None:
    (control / "defaultdomain").mkdir()
    with pytest.raises(OSError):
        read(control)
