"""From a local part to an account: the database, the password file, and what an ordinary user's home may do."""

from __future__ import annotations

import os
import pwd
import resource
import stat
from pathlib import Path

import pytest

from qmtwist.control import users
from qmtwist.control.users import Account, LookupFailed, find_account, find_by_name, report
from qmtwist.mail.errors import Temporary
from qmtwist.rules import localreport
from qmtwist.rules.users import assign_records, format_account
from qmtwist.store import cdb

UID, GID = 4321, 4322


@pytest.fixture
def home(tmp_path: Path) -> str:
    for name in ("users", "bin", "alias"):
        (tmp_path / name).mkdir()
    return str(tmp_path)


def assign(home: str, *lines: bytes) -> None:
    records = assign_records([line + b"\n" for line in (*lines, b".")])
    cdb.write(f"{home}/users/cdb", f"{home}/users/cdb.tmp", list(records))


@pytest.fixture
def passwords(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[int, int, str]]:
    """The password file: name to uid, gid and home."""
    entries: dict[str, tuple[int, int, str]] = {}

    def getpwnam(name: str) -> pwd.struct_passwd:
        uid, gid, directory = entries[name]
        return pwd.struct_passwd((name, "x", uid, gid, "", directory, "/bin/sh"))

    monkeypatch.setattr(pwd, "getpwnam", getpwnam)
    monkeypatch.setattr(users, "_confirm_absence", lambda name: None)  # it asks the machine's own
    return entries


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.fixture
def as_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: UID)
    monkeypatch.setattr(os, "getegid", lambda: GID)


def failure(home: str, local: bytes) -> int:
    with pytest.raises(LookupFailed) as raised:
        find_account(home, local)
    return raised.value.code


def test_the_database_is_asked_first(home: str, passwords: dict[str, tuple[int, int, str]], as_root: None) -> None:
    passwords["joe"] = (7, 7, home)
    assign(home, b"=joe:joe:507:100:/home/joe:::", b"+joe-:joe:507:100:/home/joe:-:pre:")
    assert find_account(home, b"JOE") == Account(b"joe", 507, 100, b"/home/joe", b"", b"")
    assert find_account(home, b"joe-Ext") == Account(b"joe", 507, 100, b"/home/joe", b"-", b"preExt")


def test_the_password_file_serves_whoever_owns_the_home(
    home: str, passwords: dict[str, tuple[int, int, str]], as_root: None
) -> None:
    owner = os.stat(home).st_uid or 1
    passwords["alias"] = (1001, 1001, f"{home}/alias")
    passwords["joe"] = (owner, 100, home if os.stat(home).st_uid == owner else "/nowhere")
    passwords["ann"] = (owner + 1, 100, home)
    passwords["bob"] = (owner, 100, f"{home}/nowhere")
    if os.stat(home).st_uid == owner:
        assert find_account(home, b"Joe-X") == Account(b"joe", owner, 100, home.encode(), b"-", b"X")
    for local in (b"ann", b"bob-x", b"Nobody"):
        assert find_account(home, local) == Account(b"alias", 1001, 1001, f"{home}/alias".encode(), b"-", local)


def test_root_needs_an_alias_user(home: str, passwords: dict[str, tuple[int, int, str]], as_root: None) -> None:
    assert failure(home, b"nobody") == localreport.NO_ALIAS


def test_nobody_delivers_as_root(home: str, passwords: dict[str, tuple[int, int, str]], as_root: None) -> None:
    assign(home, b"=toor:toor:0:0:/root:::", b"=odd:odd:4294967295:1:/:::")
    assert failure(home, b"toor") == localreport.ROOT
    assert failure(home, b"odd") == localreport.BUG


def test_in_an_ordinary_users_home_that_user_is_alias(
    home: str, passwords: dict[str, tuple[int, int, str]], as_us: None
) -> None:
    passwords["alias"] = (1001, 1001, "/elsewhere")
    assert find_account(home, b"any") == Account(b"alias", UID, GID, f"{home}/alias".encode(), b"-", b"any")


def test_in_an_ordinary_users_home_others_are_put_off(
    home: str, passwords: dict[str, tuple[int, int, str]], as_us: None
) -> None:
    assign(home, b"=joe:joe:%d:%d:/home/joe:::" % (UID, GID), b"=ann:ann:9:9:/home/ann:::")
    assert find_account(home, b"joe").uid == UID
    with pytest.raises(Temporary) as raised:
        find_account(home, b"ann")
    expected = b"ZThis server does not run as root, so it cannot deliver to the user ann. (#4.3.5)\n"
    assert report(raised.value) == expected


@pytest.mark.parametrize("content", [b"", b"short", bytes(2048)])
def test_a_database_that_is_no_database_decides_nothing(home: str, content: bytes, as_root: None) -> None:
    Path(home, "users/cdb").write_bytes(content)
    assert failure(home, b"joe") == localreport.CDB


def test_a_database_that_cannot_be_opened_is_not_taken_as_absent(home: str, as_root: None) -> None:
    os.symlink("cdb", f"{home}/users/cdb")  # it leads to itself
    assert failure(home, b"joe") == localreport.CDB


def test_an_entry_without_six_fields_is_a_bug(home: str, as_root: None) -> None:
    cdb.write(f"{home}/users/cdb", f"{home}/users/cdb.tmp", [(b"!joe\0", b"joe"), (b"", b"")])
    with pytest.raises(Temporary, match="Internal qmail-lspawn bug"):
        find_account(home, b"joe")


def test_the_password_service_that_cannot_answer_makes_nobody_alias(
    home: str, passwords: dict[str, tuple[int, int, str]], as_root: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unable(name: bytes) -> None:
        raise LookupFailed(localreport.SYSTEM)

    passwords["alias"] = (1001, 1001, f"{home}/alias")
    monkeypatch.setattr(users, "_confirm_absence", unable)
    assert failure(home, b"joe") == localreport.SYSTEM


@pytest.mark.parametrize("name", [b"no-such-user-here", b"\xff\xfe"])
def test_names_that_are_really_absent_are_confirmed(name: bytes) -> None:
    """And while nothing can be opened, nobody knows whether they are."""
    users._confirm_absence(name)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(LookupFailed) as raised:
            users._confirm_absence(name)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert raised.value.code == localreport.SYSTEM


def test_a_name_that_was_overlooked_is_not_absent() -> None:
    with pytest.raises(LookupFailed):
        users._confirm_absence(b"root")


def test_without_a_password_file_other_sources_decide(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(users, "_PASSWORD_FILE", str(tmp_path / "passwd"))
    users._confirm_absence(b"no-such-user-here")
    with pytest.raises(LookupFailed):
        users._confirm_absence(b"root")


def test_by_name_the_own_alias_must_own_its_home(home: str, passwords: dict[str, tuple[int, int, str]]) -> None:
    if os.geteuid() == 0:
        with pytest.raises(LookupFailed):
            find_by_name(home, b"x", is_private=False)
    else:
        assert find_by_name(home, b"x", is_private=False).uid == os.geteuid()


def install_getpw(home: str, text: str) -> None:
    path = Path(home, "bin/qmail-getpw")
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


@pytest.mark.skipif(os.geteuid() == 0, reason="as root it needs the user qmailp")
def test_a_qmail_getpw_in_place_of_ours_decides(home: str) -> None:
    account = Account(b"joe", os.geteuid(), os.getegid(), b"/home/joe", b"-", b"ext")
    Path(home, "answer").write_bytes(format_account(account))
    install_getpw(home, f'[ "$1" = joe-ext ] && cat {home}/answer\n')
    assert find_account(home, b"joe-ext") == account
    install_getpw(home, "exit 116\n")
    assert failure(home, b"joe") == localreport.NO_ALIAS
    install_getpw(home, "echo short\n")
    assert failure(home, b"joe") == localreport.BUG


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_runs_another_qmail_getpw_as_qmailp(
    open_directory: str, passwords: dict[str, tuple[int, int, str]]
) -> None:
    os.mkdir(f"{open_directory}/bin")
    passwords["qmailp"] = (UID, GID, "/")
    install_getpw(open_directory, "printf 'joe\\0%s\\0%s\\0/home\\0\\0\\0' `id -u` `id -g`\n")
    assert find_account(open_directory, b"joe") == Account(b"joe", UID, GID, b"/home", b"", b"")
    del passwords["qmailp"]
    assert failure(open_directory, b"joe") == localreport.SYSTEM
