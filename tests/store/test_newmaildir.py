"""store/newmaildir: four directories or nothing."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from qmtwist.store import newmaildir
from qmtwist.store.newmaildir import Owner, make_maildir, owner_of
from qmtwist.store.refusal import Refused
from tests.support.faults import FaultyOs


def tree(path: Path) -> dict[str, int]:
    return {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.iterdir()}


def test_a_folder_says_that_it_is_one(tmp_path: Path) -> None:
    make_maildir(os.fsencode(tmp_path / ".Sent"), is_folder=True)
    assert tree(tmp_path / ".Sent") == {"tmp": 0o700, "new": 0o700, "cur": 0o700, "maildirfolder": 0o600}


class MkdirFails(FaultyOs):
    """The disk is full at the so many-th call of mkdir, open or fsync."""

    def __getattr__(self, name: str) -> object:
        real = getattr(os, name)
        return self._guard(name, real) if name in ("mkdir", "open", "fsync", "fchown") else real


@pytest.mark.parametrize("is_folder", [False, True])
def test_whichever_call_fails_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_folder: bool) -> None:
    name, failing, owner = os.fsencode(tmp_path / "box"), 0, Owner(os.geteuid(), os.getegid())
    while True:
        failing += 1
        disk = MkdirFails(failing, errno.ENOSPC)
        monkeypatch.setattr(newmaildir, "os", disk)
        try:
            make_maildir(name, owner, is_folder)
        except Refused as refused:
            assert refused.text.endswith(b": out of disk space")
            assert list(tmp_path.iterdir()) == [], disk.calls
        else:
            break
    # what fails then is to open the directory above, which may be closed to us
    assert disk.calls[-2:] == ["fsync", "open"] and failing == len(disk.calls)
    assert len(tree(tmp_path / "box")) == 3 + is_folder


def test_the_owner_of_a_directory(tmp_path: Path) -> None:
    status = tmp_path.stat()
    assert owner_of(os.fsencode(tmp_path)) == (status.st_uid, status.st_gid)
    with pytest.raises(Refused, match=r"unable to open .*: file does not exist"):
        owner_of(os.fsencode(tmp_path / "none"))


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_maildir_may_be_somebody_elses(tmp_path: Path) -> None:
    make_maildir(os.fsencode(tmp_path / "box"), Owner(54321, 54322), is_folder=True)
    for path in (tmp_path / "box", *(tmp_path / "box").iterdir()):
        assert (path.stat().st_uid, path.stat().st_gid) == (54321, 54322)
