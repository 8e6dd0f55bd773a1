"""Subscribers on disk: as ezmlm keeps them, and never half of them, whatever the disk refuses."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from qmtwist.mail.errors import Malformed, Temporary
from qmtwist.store.lists.subscribers import Subscribers
from tests.support.refusing_disk import each_failure


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "subscribers").mkdir()
    return tmp_path


def people(place: Path) -> list[bytes]:
    return list(Subscribers(str(place)))


def contents(place: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (place / "subscribers").iterdir()}


def test_an_address_stands_in_the_file_of_its_hash(place: Path) -> None:
    assert Subscribers(str(place)).add([b"Joe@X.Y", b"a@b.c"]) == [b"Joe@x.y", b"a@b.c"]
    assert contents(place) == {"^": b"Ta@b.c\0", "A": b"", "W": b"TJoe@x.y\0"}


def test_case_does_not_make_another_subscriber(place: Path) -> None:
    assert Subscribers(str(place)).add([b"Joe@x.y", b"joe@X.Y", b"JOE@x.y"]) == [b"Joe@x.y"]
    assert Subscribers(str(place)).has(b"jOE@X.y")
    assert Subscribers(str(place)).remove([b"joe@X.y"]) == [b"joe@x.y"]
    assert people(place) == []


def test_an_entry_of_ezmlm_053_is_found_and_moves(place: Path) -> None:
    """It hashed the address as it was."""
    (place / "subscribers/A").write_bytes(b"TJoe@x.y\0Tother@x.y\0")
    assert Subscribers(str(place)).has(b"Joe@x.y")
    assert Subscribers(str(place)).add([b"Joe@x.y"]) == []
    assert contents(place) == {"A": b"Tother@x.y\0", "W": b"TJoe@x.y\0"}
    assert Subscribers(str(place)).remove([b"Joe@x.y"]) == [b"Joe@x.y"]
    assert people(place) == [b"other@x.y"]


@pytest.mark.parametrize("address", [b"joe", b"x" * 400 + b"@y", b"joe@x\n.y"])
def test_what_is_no_address_is_refused(place: Path, address: bytes) -> None:
    with pytest.raises(Malformed):
        Subscribers(str(place)).add([b"good@x.y", address])
    assert contents(place) == {}


def test_twenty_thousand_at_once(place: Path) -> None:
    many = [b"user%d@host%d.example" % (number, number % 97) for number in range(20_000)]
    assert Subscribers(str(place)).add(many) == many
    assert sorted(people(place)) == sorted(many)
    assert len(contents(place)) == 53
    assert Subscribers(str(place)).remove(many[:19_999]) == many[:19_999]
    assert people(place) == many[19_999:]


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("is_adding", [True, False])
def test_whatever_call_fails_a_subscriber_is_there_or_not(place: Path, is_adding: bool, code: int) -> None:
    """And everybody else is there; a later try succeeds."""
    others = [b"user%d@x.y" % number for number in range(120)]
    Subscribers(str(place)).add([*others, b"old@x.y"])
    failures = 0

    def work() -> None:
        desk = Subscribers(str(place))
        if is_adding:
            desk.add([b"Joe@x.y"])
        else:
            desk.remove([b"old@x.y"])

    for disk, outcome in each_failure(work, code):
        failures += 1
        assert isinstance(outcome, Temporary) or disk.failed.startswith(("close", "stat", "fstat")), disk.failed
        assert set(others) <= set(people(place)), disk.failed
        work()
        assert (b"Joe@x.y" in people(place)) == is_adding
        assert (b"old@x.y" in people(place)) == is_adding
        Subscribers(str(place)).remove([b"Joe@x.y"])
        Subscribers(str(place)).add([b"old@x.y"])
    assert failures > 8


def test_the_mode_of_a_file_is_kept(place: Path) -> None:
    Subscribers(str(place)).add([b"a@b.c"])
    os.chmod(place / "subscribers/^", 0o640)
    Subscribers(str(place)).remove([b"a@b.c"])
    assert os.stat(place / "subscribers/^").st_mode & 0o777 == 0o640
    assert contents(place) == {"^": b""}


def test_the_log_says_what_was_done(place: Path) -> None:
    desk = Subscribers(str(place))
    desk.note(b"+", [b"a@b.c"], 1000)
    desk.note(b"-manual", [], 1001)
    assert (place / "Log").read_bytes() == b"1000 + a@b.c\n"
    assert os.stat(place / "Log").st_mode & 0o777 == 0o600
