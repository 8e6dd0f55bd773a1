"""store/safecat: a stream becomes a file that is whole, or none."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmtwist.store import safecat
from qmtwist.store.refusal import Refused
from tests.support.powercut import Recorder, cuts
from tests.support.refusing_disk import each_failure, open_descriptors

DATA = b"data\0\xff" * 60_000


@pytest.fixture
def source(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "source").write_bytes(DATA)
    descriptor = os.open(tmp_path / "source", os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def rooms(tmp_path: Path) -> tuple[Path, Path]:
    found = tmp_path / "tmp", tmp_path / "new"
    for path in found:
        path.mkdir()
    return found


def keep(rooms: tuple[Path, Path], source: int) -> bytes:
    return safecat.keep(source, os.fsencode(rooms[0]), os.fsencode(rooms[1]))


def contents(path: Path) -> list[bytes]:
    return [each.read_bytes() for each in path.iterdir()]


def test_the_file_has_the_name_that_was_told(rooms: tuple[Path, Path], source: int) -> None:
    name = keep(rooms, source)
    assert (rooms[1] / os.fsdecode(name)).read_bytes() == DATA and contents(rooms[0]) == []


def test_a_name_that_is_taken_is_given_up_five_times(rooms: tuple[Path, Path], source: int) -> None:
    taken = safecat.make_name(7_000)
    pauses: list[float] = []
    times = [7_000]

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            times[0] = 8_000

    (rooms[1] / os.fsdecode(taken)).write_bytes(b"")
    words = source, os.fsencode(rooms[0]), os.fsencode(rooms[1]), lambda: times[0]
    assert safecat.keep(*words, pause) == safecat.make_name(8_000)
    assert pauses == [2.0] * 3
    assert (rooms[1] / os.fsdecode(taken)).read_bytes() == b""
    times[0], pauses[:] = 7_000, [0.0] * 9
    with pytest.raises(Refused, match="can't link output file: file already exists"):
        safecat.keep(*words, pause)
    assert len(pauses) == 13 and contents(rooms[0]) == []
    (rooms[0] / os.fsdecode(taken)).write_bytes(b"")
    with pytest.raises(Refused, match="couldn't create output file: file already exists"):
        safecat.keep(*words, pause)


def test_both_must_be_directories(rooms: tuple[Path, Path], source: int, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="could not stat directory: file does not exist"):
        keep((rooms[0], tmp_path / "none"), source)
    with pytest.raises(Refused, match="not a directory"):
        keep((tmp_path / "source", rooms[1]), source)


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_whichever_call_fails_the_file_is_whole_or_not_there(rooms: tuple[Path, Path], source: int, code: int) -> None:
    seen, before = [], open_descriptors()
    for disk, outcome in each_failure(lambda: keep(rooms, source), code):
        seen.append(disk.failed)
        assert open_descriptors() == before, disk.failed
        found = contents(rooms[1])
        assert found in ([], [DATA]), disk.failed
        assert found == [DATA] if isinstance(outcome, bytes) else isinstance(outcome, Refused), disk.failed
        for path in (*rooms[0].iterdir(), *rooms[1].iterdir()):
            path.unlink()
        os.lseek(source, 0, os.SEEK_SET)
    assert {"open 1", "read 2", "write 3", "fsync 1", "close 1", "link 1", "fsync 2", "unlink 1"} <= set(seen)


def test_once_it_is_told_no_power_cut_takes_it_away(memory_directory: str, source: int) -> None:
    disk = Path(memory_directory, "disk")
    rooms = disk / "tmp", disk / "new"
    for path in rooms:
        path.mkdir(parents=True)
    recorder = Recorder(str(disk))
    with recorder.recording():
        keep(rooms, source)
        recorder.mark("told")
    for length, state in cuts(recorder, seed=10, luck=3):
        again = Path(memory_directory, f"again{length}")
        while again.exists():
            again = again.with_name(again.name + "x")
        state.make(str(again))
        found = contents(again / "new")
        assert found in ([], [DATA]), length
        assert found or not any(mark.what == "told" for mark in recorder.marks(length)), length
