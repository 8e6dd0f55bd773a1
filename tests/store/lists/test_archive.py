"""The archive: what its owner may execute is whole, whatever the disk refuses."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from qmtwist.mail.errors import Temporary
from qmtwist.store.lists.archive import Keeping, kept_path
from qmtwist.store.lists.directory import ListDirectory, Number
from tests.support.refusing_disk import each_failure

TEXT = b"Subject: x\n\n" + b"body\n" * 100


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "archive").mkdir()
    return tmp_path


def keep(place: Path, number: int, entry: bytes = b"") -> None:
    keeping = Keeping(str(place), number)
    try:
        keeping.write(TEXT[:50])
        keeping.write(TEXT[50:])
        keeping.complete()
        if entry:
            keeping.note(entry)
    finally:
        keeping.close()


def test_where_a_message_is_kept(place: Path) -> None:
    for number, name in ((1, "0/01"), (99, "0/99"), (100, "1/00"), (12345, "123/45")):
        keep(place, number)
        path = kept_path(str(place), number)
        assert path == f"{place}/archive/{name}"
        assert Path(path).read_bytes() == TEXT and os.stat(path).st_mode & 0o777 == 0o744
    assert kept_path(str(place), 2) is None


def test_what_is_not_complete_is_not_there(place: Path) -> None:
    keeping = Keeping(str(place), 7)
    keeping.write(TEXT)
    keeping.close()
    assert kept_path(str(place), 7) is None


def test_a_number_that_is_used_again_is_another_message(place: Path) -> None:
    """Half of it must not pass for whole because the one before was."""
    keep(place, 7)
    keeping = Keeping(str(place), 7)
    keeping.write(TEXT[:3])
    keeping.close()
    assert kept_path(str(place), 7) is None


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_whatever_call_fails_what_is_there_is_whole(place: Path, code: int) -> None:
    number = 100
    failures = 0

    def work() -> None:
        keep(place, number, b"entry\n")

    for disk, outcome in each_failure(work, code):
        failures += 1
        assert isinstance(outcome, Temporary) or disk.failed.startswith("close"), disk.failed
        path = kept_path(str(place), number)
        assert path is None or Path(path).read_bytes() == TEXT, disk.failed
        index = place / "archive" / str(number // 100) / "index"
        assert not index.exists() or set(index.read_bytes().split(b"\n")) <= {b"entry", b""}, disk.failed
        number += 1
    assert failures > 10


def test_an_entry_of_a_message_that_is_not_sent_is_taken_back(place: Path) -> None:
    keep(place, 1, b"1: x\n")
    keeping = Keeping(str(place), 2)
    keeping.note(b"2: x\n")
    keeping.undo()
    keeping.close()
    assert (place / "archive/0/index").read_bytes() == b"1: x\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [(None, (0, 0)), (b"", (0, 0)), (b"99\n", (99, 0)), (b"4:10\n", (4, 10)), (b"x\n", (0, 0)), (b"9" * 50, (0, 0))],
)
def test_numbers_of_ezmlm_and_of_ezmlm_idx(place: Path, text: bytes | None, expected: tuple[int, int]) -> None:
    if text is not None:
        (place / "num").write_bytes(text)
    assert ListDirectory(str(place)).number() == expected


def test_the_number_is_the_old_or_the_new_one(place: Path) -> None:
    desk = ListDirectory(str(place))
    desk.set_number(Number(1, 2))
    for disk, outcome in each_failure(lambda: desk.set_number(Number(2, 3)), errno.ENOSPC):
        assert isinstance(outcome, Temporary) or disk.failed.startswith("close"), disk.failed
        assert desk.number() in ((1, 2), (2, 3))
        desk.set_number(Number(1, 2))
