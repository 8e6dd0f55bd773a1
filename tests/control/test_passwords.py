from __future__ import annotations

import os
from pathlib import Path

import pytest

from qmtwist.control import passwords
from qmtwist.control.accounts import SystemAccount
from qmtwist.control.passwords import (
    REMEMBERED_S,
    SECRET_LIMIT_BYTES,
    PasswordFile,
    RecentLogins,
    hash_secret,
    is_match,
    passwords_path,
    remove_password,
    set_password,
)
from qmtwist.mail.errors import Permanent, Temporary
from qmtwist.store import durable


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that cost little: what they cost is not what is tested here."""
    monkeypatch.setattr(passwords, "_LOG_N", 4)


@pytest.fixture
def home(tmp_path: Path) -> str:
    (tmp_path / "users").mkdir()
    return str(tmp_path)


def test_a_password_that_was_set_is_right_and_no_other(home: str) -> None:
    set_password(home, b"joe", b"two words \xe9")
    book = PasswordFile(home)
    assert book.check(b"joe", b"two words \xe9")
    assert not book.check(b"joe", b"two words")
    assert not book.check(b"joe", b"")
    assert not book.check(b"Joe", b"two words \xe9")
    assert not book.check(b"ann", b"two words \xe9")


def test_a_change_is_in_force_at_once(home: str) -> None:
    book = PasswordFile(home)
    assert not book.check(b"joe", b"old")
    set_password(home, b"joe", b"old")
    assert book.check(b"joe", b"old")
    set_password(home, b"joe", b"new")
    assert (book.check(b"joe", b"old"), book.check(b"joe", b"new")) == (False, True)
    assert remove_password(home, b"joe")
    assert not book.check(b"joe", b"new")
    assert not remove_password(home, b"joe")


def test_other_lines_stay_as_they_are(home: str) -> None:
    lines = [b"# ours", b"", b"ann:$scrypt$anything", b"joe:old"]
    durable.create(passwords_path(home), b"\n".join(lines))
    set_password(home, b"joe", b"x")
    found = durable.read(passwords_path(home)).splitlines()
    assert found[:3] == lines[:3]
    assert found[3].startswith(b"joe:$scrypt$ln=4,") and len(found) == 4


def test_an_address_is_looked_for_whole_and_then_by_its_mailbox(home: str) -> None:
    set_password(home, b"joe", b"one")
    set_password(home, b"ann@example.org", b"two")
    book = PasswordFile(home)
    assert book.check(b"joe@example.org", b"one", b"joe")
    assert book.check(b"ann@example.org", b"two", b"ann")
    assert not book.check(b"ann@example.org", b"one", b"ann")


def test_the_file_can_be_read_by_its_owner_alone(home: str) -> None:
    set_password(home, b"joe", b"x")
    assert os.stat(passwords_path(home)).st_mode & 0o7777 == 0o600
    os.chmod(passwords_path(home), 0o644)
    set_password(home, b"joe", b"y")
    assert os.stat(passwords_path(home)).st_mode & 0o7777 == 0o640


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_the_owner_stays_the_owner(home: str) -> None:
    set_password(home, b"joe", b"x")
    os.chown(passwords_path(home), 12345, 12346)
    set_password(home, b"joe", b"y")
    status = os.stat(passwords_path(home))
    assert (status.st_uid, status.st_gid) == (12345, 12346)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_the_daemons_user_can_read_the_file_and_without_one_the_queues_owner(
    home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "system_account", lambda name: None)
    set_password(home, b"joe", b"x")
    assert os.stat(passwords_path(home)).st_uid == 0
    os.mkdir(f"{home}/queue")
    os.chown(f"{home}/queue", 12345, 12346)
    set_password(home, b"joe", b"y")
    assert os.stat(passwords_path(home)).st_uid == 12345
    monkeypatch.setattr(passwords, "system_account", lambda name: SystemAccount(23456, 23457))
    os.unlink(passwords_path(home))
    set_password(home, b"joe", b"z")
    status = os.stat(passwords_path(home))
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (23456, 23457, 0o600)


def test_no_hash_is_like_another_even_of_one_password() -> None:
    assert hash_secret(b"x") != hash_secret(b"x")
    assert hash_secret(b"x", b"salt") == hash_secret(b"x", b"salt")


def test_an_unknown_user_costs_as_many_hashes_as_a_known_one(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    computed = []
    real = passwords._scrypt
    set_password(home, b"joe", b"x")

    def counting(secret: bytes, salt: bytes, log_n: int, r: int, p: int) -> bytes:
        computed.append((log_n, r, p))
        return real(secret, salt, log_n, r, p)

    monkeypatch.setattr(passwords, "_scrypt", counting)
    book = PasswordFile(home)
    book.check(b"joe", b"wrong")
    book.check(b"nobody", b"wrong")
    assert computed == [(4, 8, 1)] * 2


def test_without_any_entry_a_guess_costs_a_hash_too(home: str) -> None:
    assert not PasswordFile(home).check(b"joe", b"x")
    assert not is_match(passwords._NOBODY, b"x")


def test_a_file_that_cannot_be_read_is_temporary(home: str) -> None:
    os.mkdir(passwords_path(home))
    with pytest.raises(Temporary):
        PasswordFile(home).check(b"joe", b"x")


@pytest.mark.parametrize(
    "stored", [b"", b"plain", b"$1$md5$x", b"$scrypt$ln=99,r=8,p=1$AAAA$AAAA", b"$scrypt$ln=4$A$B"]
)
def test_a_hash_of_another_kind_is_temporary_and_never_a_match(stored: bytes) -> None:
    with pytest.raises(Temporary):
        is_match(stored, b"x")


def test_argon2_entries_are_understood_where_the_library_is() -> None:
    argon2 = pytest.importorskip("argon2")
    stored = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(b"x").encode()
    assert is_match(stored, b"x")
    assert not is_match(stored, b"y")
    with pytest.raises(Temporary):
        is_match(b"$argon2id$nonsense", b"x")


@pytest.mark.parametrize("user", [b"", b"a:b", b"#a", b"a b", b"a\nb", b"a\0"])
def test_names_that_do_not_fit_into_the_file_are_refused(home: str, user: bytes) -> None:
    with pytest.raises(Permanent):
        set_password(home, user, b"x")
    assert not os.path.exists(passwords_path(home))


@pytest.mark.parametrize("secret", [b"", b" x", b"a\0b", b"a\r", b"a\nb", b"x" * (SECRET_LIMIT_BYTES + 1)])
def test_passwords_that_a_client_cannot_send_are_refused(home: str, secret: bytes) -> None:
    with pytest.raises(Permanent):
        set_password(home, b"joe", secret)
    set_password(home, b"joe", b"x" * SECRET_LIMIT_BYTES)


def test_a_proved_password_is_known_for_a_while_and_for_this_file_only() -> None:
    recent = RecentLogins()
    signature = (1, 2, 3, 4, 5)
    recent.remember(b"joe", b"x", signature, now=100.0)
    assert recent.is_known(b"joe", b"x", signature, now=100.0 + REMEMBERED_S - 1)
    assert not recent.is_known(b"joe", b"x", signature, now=100.0 + REMEMBERED_S)
    assert not recent.is_known(b"joe", b"y", signature, now=101.0)
    assert not recent.is_known(b"jo", b"ex", signature, now=101.0)
    assert not recent.is_known(b"joe", b"x", (1, 2, 3, 4, 6), now=101.0)
    assert not recent.is_known(b"joe", b"x", None, now=101.0)
    recent.remember(b"ann", b"x", (1, 2, 3, 4, 6), now=101.0)
    assert not recent.is_known(b"joe", b"x", signature, now=101.0)


@pytest.mark.parametrize("limit", [1, 3])
def test_memory_of_logins_is_bounded(limit: int) -> None:
    recent = RecentLogins(limit)
    signature = (1, 2, 3, 4, 5)
    for number in range(limit + 1):
        recent.remember(b"%d" % number, b"x", signature, now=100.0)
    known = [recent.is_known(b"%d" % number, b"x", signature, now=101.0) for number in range(limit + 1)]
    assert known == [False] + [True] * limit


def test_a_login_proved_while_there_is_no_file_is_not_remembered() -> None:
    recent = RecentLogins()
    recent.remember(b"joe", b"x", None, now=100.0)
    assert not recent.is_known(b"joe", b"x", None, now=100.0)
