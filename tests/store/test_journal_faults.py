"""The journal's thread outlives everything that a disk can do to it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qmtwist.store.journal import records, segment, writer
from qmtwist.store.journal.recover import recover
from qmtwist.store.journal.writer import Place
from tests.support.journals import Bench, message


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(str(tmp_path))
    yield made
    made.journal.close()


def refuse(code: int) -> Any:
    def refused(*words: Any, **named: Any) -> Any:
        raise OSError(code, os.strerror(code))

    return refused


def end(bench: Bench, place: Place, number: int) -> None:
    bench.journal.note(records.end(number))
    bench.journal.release(place.segment)
    bench.flush()


def test_a_segment_that_cannot_be_removed_stops_nothing_and_goes_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = 40_000  # one to a segment
    places = [bench.commit(message(number, big))[0] for number in range(4)]
    with monkeypatch.context() as patch:
        patch.setattr(segment, "unlink_quietly", refuse(errno.EROFS))
        for number, place in enumerate(places):
            assert isinstance(place, Place)
            end(bench, place, number)
        assert isinstance(bench.commit(message(5, big))[0], Place)
    before = len(os.listdir(bench.directory))
    bench.commit(message(6, big))
    bench.journal.close()
    assert len(os.listdir(bench.directory)) < before
    assert [owed.message.number for owed in recover(bench.directory).owed] == [5, 6]


def test_no_memory_for_a_batch_refuses_it_and_the_next_one_is_taken(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(*_: object) -> bytes:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(writer, "encode", no_memory)
        assert isinstance(bench.commit(message(1))[0], OSError)
    assert isinstance(bench.commit(message(2))[0], Place)
    assert [owed.message.number for owed in recover(bench.directory).owed] == [2]


def test_on_a_full_disk_the_journal_starts_and_takes_messages_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(segment, "write_all", refuse(errno.ENOSPC))
        made = Bench(str(tmp_path))
        refused = made.commit(message(1))[0]
        assert isinstance(refused, OSError) and refused.errno == errno.ENOSPC
    assert isinstance(made.commit(message(2))[0], Place)
    made.journal.close()
    assert [owed.message.number for owed in recover(str(tmp_path)).owed] == [2]


def test_a_directory_that_may_not_be_written_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment, "write_all", refuse(errno.EACCES))
    with pytest.raises(PermissionError):
        Bench(str(tmp_path))
