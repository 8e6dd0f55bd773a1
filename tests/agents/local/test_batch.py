"""Many messages into maildirs at once: each is reported, and one that fails takes no other with it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from qmtwist.agents.local import batch as batch_module
from qmtwist.agents.local.batch import SYNCFS_FROM, Batch
from qmtwist.store.maildir import Names

DONE = b"Kdid 1+0+0\n"
DEFERRED = b"ZTemporary error on maildir delivery. (#4.3.0)\n"


@pytest.fixture
def maildirs(tmp_path: Path) -> list[bytes]:
    for name in ("a", "b"):
        for part in ("tmp", "new", "cur"):
            (tmp_path / name / part).mkdir(parents=True)
    return [os.fsencode(tmp_path / name) + b"/" for name in ("a", "b")]


def contents(maildir: bytes, part: str = "new") -> list[bytes]:
    directory = Path(os.fsdecode(maildir)) / part
    return sorted(path.read_bytes() for path in directory.iterdir())


@pytest.mark.parametrize("count", [1, SYNCFS_FROM - 1, SYNCFS_FROM, 3 * SYNCFS_FROM])
def test_all_messages_arrive_whole_and_are_reported_once(maildirs: list[bytes], count: int) -> None:
    batch = Batch(Names())
    for number in range(count):
        assert batch.add(number, maildirs[number % 2], (b"head\n", b"message %02d\n" % number)) is None
    assert len(batch) == count
    assert sorted(batch.finish()) == [(number, DONE) for number in range(count)]
    assert len(batch) == 0 and batch.finish() == []
    assert contents(maildirs[0]) == [b"head\nmessage %02d\n" % number for number in range(0, count, 2)]
    assert contents(maildirs[1]) == [b"head\nmessage %02d\n" % number for number in range(1, count, 2)]
    assert contents(maildirs[0], "tmp") == contents(maildirs[1], "tmp") == []


def test_a_missing_maildir_is_reported_at_once_and_the_others_go_on(maildirs: list[bytes]) -> None:
    batch = Batch(Names())
    assert batch.add(1, maildirs[0] + b"nowhere/", (b"x",)) == (1, b"ZUnable to chdir to maildir. (#4.2.1)\n")
    assert batch.add(2, maildirs[0], (b"x",)) is None
    assert batch.finish() == [(2, DONE)]


def test_a_sync_that_fails_defers_its_message_only(maildirs: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fsync
    seen: list[int] = []

    def fsync(descriptor: int) -> None:
        seen.append(descriptor)
        if len(seen) == 2:
            raise OSError(errno.EIO, "")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    batch = Batch(Names())
    for number in range(3):
        batch.add(number, maildirs[0], (b"%d" % number,))
    assert sorted(batch.finish()) == [(0, DONE), (1, DEFERRED), (2, DONE)]
    assert contents(maildirs[0]) == [b"0", b"2"]
    assert contents(maildirs[0], "tmp") == []


def test_a_sync_of_all_that_fails_delivers_none(maildirs: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        @staticmethod
        def syncfs(descriptor: int) -> int:
            return -1

    monkeypatch.setattr(batch_module, "_libc", Broken())
    monkeypatch.setattr(batch_module, "_HAS_SYNCFS", True)
    batch = Batch(Names())
    for number in range(SYNCFS_FROM):
        batch.add(number, maildirs[0], (b"x",))
    assert sorted(batch.finish()) == [(number, DEFERRED) for number in range(SYNCFS_FROM)]
    assert contents(maildirs[0]) == contents(maildirs[0], "tmp") == []


def test_a_message_that_cannot_be_published_takes_no_other_with_it(maildirs: list[bytes]) -> None:
    os.rmdir(maildirs[1] + b"new")
    batch = Batch(Names())
    for number in range(2):
        batch.add(number, maildirs[number], (b"x",))
    assert sorted(batch.finish()) == [(0, DONE), (1, DEFERRED)]


def test_entries_that_may_be_lost_are_not_called_done(maildirs: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: str) -> None:
        raise OSError(errno.EIO, path)

    monkeypatch.setattr("qmtwist.store.durable.sync_directory", broken)
    batch = Batch(Names())
    batch.add(1, maildirs[0], (b"x",))
    assert batch.finish() == [(1, DEFERRED)]
    assert contents(maildirs[0]) == [b"x"]  # a second copy may come, but none is lost
