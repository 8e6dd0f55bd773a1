"""maildirmake: four directories, all 0700, and qmail's words for what is in the way."""

from __future__ import annotations

import os
import pwd
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


def test_a_folder_is_made_inside_a_maildir(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    box = os.fsencode(tmp_path / "Maildir")
    assert maildirmake.main([b"-f", b"Sent", box], "") == 111
    assert maildirmake.main([box], "") == maildirmake.main([b"-f", b"Lists.qmail", box], "") == 0
    assert sorted(os.listdir(tmp_path / "Maildir")) == [".Lists.qmail", "cur", "new", "tmp"]
    assert (tmp_path / "Maildir" / ".Lists.qmail" / "maildirfolder").read_bytes() == b""
    for folder in (b"", b"a/b", b"..", b".a", b"a.", b"a..b"):
        assert maildirmake.main([b"-f", folder, box], "") == 100
    assert sorted(os.listdir(tmp_path / "Maildir")) == [".Lists.qmail", "cur", "new", "tmp"]
    assert "maildirmake: fatal: a/b: not the name of a folder\n" in capfd.readouterr().err


def test_an_option_without_two_more_words_is_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert maildirmake.main([b"-f"], "") == maildirmake.main([b"-o", b"ignored"], "") == 0
    assert sorted(os.listdir()) == ["-f", "-o"]


def test_a_user_who_is_not_there_gets_no_maildir(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert maildirmake.main([b"-o", b"no-such-user", os.fsencode(tmp_path / "box")], "") == 111
    assert capfd.readouterr().err == "maildirmake: fatal: there is no user no-such-user\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_root_makes_maildirs_for_others(tmp_path: Path) -> None:
    box = tmp_path / "box"
    nobody = pwd.getpwnam("nobody")
    assert maildirmake.main([b"-o", b"nobody", os.fsencode(box)], "") == 0
    assert maildirmake.main([b"-f", b"Sent", os.fsencode(box)], "") == 0
    for path in (box, box / "new", box / ".Sent", box / ".Sent" / "cur", box / ".Sent" / "maildirfolder"):
        assert (path.stat().st_uid, path.stat().st_gid) == (nobody.pw_uid, nobody.pw_gid)


def test_without_a_name_it_says_how(capfd: pytest.CaptureFixture[str]) -> None:
    assert maildirmake.main([], "") == 100
    assert capfd.readouterr().err == "maildirmake: usage: maildirmake name\n"
