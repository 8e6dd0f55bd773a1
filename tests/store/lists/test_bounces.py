"""What has come back: kept once, found again, in the places of ezmlm and of ezmlm-idx."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from qmtwist.mail.errors import Temporary
from qmtwist.store.lists.bounces import Bounces
from tests.support.refusing_disk import each_failure

NOW = 1_800_001_234
JOE = b"joe@x.y"
JOES = "h/d/hamgadkkfclekaapdclf"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "bounce").mkdir()
    return tmp_path


def tree(place: Path) -> dict[str, bytes]:
    top = place / "bounce"
    return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def test_the_first_bounce_is_kept_and_the_numbers_of_all(place: Path) -> None:
    desk = Bounces(str(place))
    for number in (7, 8):
        desk.note(JOE, number, b"text\n", NOW + number, 42)
    assert tree(place) == {"d/180000/d1241.42": JOE + b"\0text\n", JOES: b"   7\n   8\n"}
    assert desk.missed(JOE) == b"   7\n   8\n"
    (stored,) = desk.older(NOW + 100)
    assert (stored.kind, stored.time, desk.read(stored)) == ("d", NOW + 7, (JOE, b"text\n"))
    assert list(desk.older(NOW)) == []
    desk.forget_missed(JOE)
    desk.remove(stored.path)
    assert tree(place) == {} and not (place / "bounce/d/180000").exists()


def test_two_of_one_bounce_do_not_overwrite_each_other(place: Path) -> None:
    desk = Bounces(str(place))
    for address in (JOE, b"ann@x.y"):
        desk.note(address, 7, b"", NOW, 42)
    assert sorted(entry for entry in tree(place) if entry[0] == "d") == ["d/180000/d1234.42", "d/180000/d1235.42"]


def test_files_of_ezmlm_053_are_found(place: Path) -> None:
    top = place / "bounce"
    (top / "d1700000000.12").write_bytes(JOE + b"\0old\n")
    (top / "w1700000001.12").write_bytes(JOE + b"\0old\n")
    (top / "hdamgadkkfclekaapdclf").write_bytes(b"   3\n")
    desk = Bounces(str(place))
    desk.note(JOE, 7, b"new\n", NOW, 42)
    assert tree(place)["hdamgadkkfclekaapdclf"] == b"   3\n   7\n" and len(tree(place)) == 3
    assert sorted((stored.kind, stored.time) for stored in desk.older(NOW)) == [("d", 1700000000), ("w", 1700000001)]
    os.utime(top / "hdamgadkkfclekaapdclf", (1, 1))
    assert list(desk.missed_older(NOW)) == [f"{place}/bounce//hdamgadkkfclekaapdclf"]


def test_forged_bounces_do_not_fill_the_disk(place: Path) -> None:
    desk = Bounces(str(place))
    desk.note(JOE, 1, b"", NOW, 42)
    (place / "bounce" / JOES).write_bytes(b"   1\n" * 20_000)
    for number in range(100):
        desk.note(JOE, number, b"x" * 1000, NOW, 42)
    assert len(tree(place)) == 2 and len(tree(place)[JOES]) == 100_000


def test_a_file_that_a_crash_has_cut_off_is_nobodys(place: Path) -> None:
    (place / "bounce/d1700000000.12").write_bytes(b"joe@x")
    desk = Bounces(str(place))
    (stored,) = desk.older(NOW)
    assert desk.read(stored) is None


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_whatever_call_fails_nothing_that_is_kept_is_half(place: Path, code: int) -> None:
    address = [0]
    failures = 0

    def work() -> None:
        Bounces(str(place)).note(b"user%d@x.y" % address[0], 7, b"text\n", NOW + 100 * address[0], 42)

    for disk, outcome in each_failure(work, code):
        failures += 1
        assert isinstance(outcome, Temporary) or disk.failed.startswith(("close", "stat")), disk.failed
        for name, text in tree(place).items():
            is_whole = set(text.splitlines(True)) <= {b"   7\n"} if name[0] == "h" else text.endswith(b"\0text\n")
            assert is_whole, (disk.failed, name)
        work()
        assert Bounces(str(place)).missed(b"user%d@x.y" % address[0]).endswith(b"   7\n")
        address[0] += 1
    assert failures > 6


def test_the_directory_is_made_when_something_comes_back(place: Path) -> None:
    (place / "bounce").rmdir()
    Bounces(str(place)).note(JOE, 7, b"text\n", NOW, 42)
    assert len(tree(place)) == 2
    with pytest.raises(Temporary):
        Bounces(f"{place}/nothing").note(JOE, 7, b"text\n", NOW, 42)
