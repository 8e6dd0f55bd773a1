"""Logs as they lie about: directories, rotated and compressed files."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.agents.log.files import Logs, Unreadable, found_at
from qmtwist.agents.log.lines import Lines

EARLY, LATE = b"5.0 new msg 1\n", b"@400000003852e9401dcd6500 new msg 2\n"
Pack = Callable[[bytes], bytes]


def lines(paths: list[str]) -> list[bytes]:
    return [line for block in Logs(found_at(paths)) for line in block]


@given(st.lists(st.binary(max_size=30), max_size=10))
def test_where_blocks_end_never_matters(pieces: list[bytes]) -> None:
    rest = iter([piece for piece in pieces if piece])
    reader = Lines(lambda: next(rest, b""))
    found = [line for block in reader for line in block]
    *whole, last = b"".join(pieces).split(b"\n")
    assert (found, reader.rest) == (whole, last)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_what_a_file_is_packed_with_is_seen_in_it(tmp_path: Path, pack: Pack) -> None:
    path = tmp_path / "log"
    path.write_bytes(pack(EARLY * 100_000))
    assert lines([str(path)]) == [EARLY.rstrip()] * 100_000


def test_files_come_in_the_order_of_their_first_instants(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"garbage\n" + LATE)
    (tmp_path / "log.1.gz").write_bytes(gzip.compress(EARLY))
    assert lines([str(tmp_path / "log"), str(tmp_path / "log.1.gz")]) == (EARLY + b"garbage\n" + LATE).splitlines()


def test_a_directory_of_multilog_is_all_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "@400000003852e9400000000a.s").write_bytes(EARLY)
    (tmp_path / "@400000003852e9400000000b.u").write_bytes(EARLY)
    (tmp_path / "current").write_bytes(LATE)
    for name in ("lock", "state", "previous"):
        (tmp_path / name).write_bytes(b"9.0 no log\n")
    assert lines([str(tmp_path)]) == (EARLY + EARLY + LATE).splitlines()


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_file_that_is_cut_off_is_read_up_to_there(tmp_path: Path, pack: Pack) -> None:
    path, other = tmp_path / "log", tmp_path / "other"
    text = b"".join(b"5.0 new msg %d\n" % (number * 7919) for number in range(200_000))
    path.write_bytes(pack(text)[:-500])
    other.write_bytes(LATE)
    logs = Logs([str(path), str(other)])
    found = [line for block in logs for line in block]
    assert len(found) > 1 or pack is not gzip.compress
    assert found[-1] == LATE.rstrip()
    assert [damage.path for damage in logs.damage] == [str(path)]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_damaged_file_is_an_error_of_that_file(tmp_path: Path, pack: Pack) -> None:
    path = tmp_path / "log"
    packed = bytearray(pack(b"".join(b"5.0 new msg %d\n" % (number * 7919) for number in range(50_000))))
    packed[len(packed) // 2 : len(packed) // 2 + 40] = b"\xff" * 40
    path.write_bytes(packed)
    logs = Logs([str(path)])
    assert all(isinstance(line, bytes) for block in logs for line in block)
    assert len(logs.damage) == 1


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "log.zst").write_bytes(b"\x28\xb5\x2f\xfd....")
    with pytest.raises(Unreadable, match="zstdcat"):
        found_at([str(tmp_path / "log.zst")])
    with pytest.raises(Unreadable, match="nowhere: No such file"):
        found_at([str(tmp_path / "nowhere")])
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(Unreadable, match="no directory of multilog"):
        found_at([str(empty)])


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.write(writer, EARLY)
    os.close(writer)
    assert lines([f"/dev/fd/{reader}"]) == [EARLY.rstrip()]
    os.close(reader)


def test_progress_goes_up_to_the_whole(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(EARLY * 50_000)
    told: list[tuple[int, int]] = []
    size = 2 * len(EARLY) * 50_000
    for _ in Logs([str(tmp_path / "a"), str(tmp_path / "b")], lambda done, total: told.append((done, total))):
        pass
    assert told == sorted(told) and {total for _, total in told} == {size} and told[-1][0] == size
