"""maildirmake: four directories, all 0700, and qmail's words for what is in the way."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from qmtwist.cli.mailbox import maildirmake


@pytest.fixture(autouse=True)
def keep_umask() -> object:
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_a_maildir_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    assert maildirmake.main([os.fsencode(tmp_path / "-x"), b"ignored"], "") == 0
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "-x").iterdir()}
    assert modes == {"tmp": 0o700, "new": 0o700, "cur": 0o700}
    assert stat.S_IMODE((tmp_path / "-x").stat().st_mode) == 0o700


def test_an_existing_name_and_a_missing_parent_are_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    existing, orphan = os.fsencode(tmp_path), os.fsencode(tmp_path / "a" / "b")
    assert maildirmake.main([existing], "") == maildirmake.main([orphan], "") == 111
    assert capfd.readouterr().err.splitlines() == [
        f"maildirmake: fatal: unable to mkdir {tmp_path}: file already exists",
        f"maildirmake: fatal: unable to mkdir {tmp_path}/a/b: file does not exist",
    ]
    assert list(tmp_path.iterdir()) == []


def test_without_a_name_it_says_how(capfd: pytest.CaptureFixture[str]) -> None:
    assert maildirmake.main([], "") == 100
    assert capfd.readouterr().err == "maildirmake: usage: maildirmake name\n"
