"""S117: a few power cuts; `python -m tests.torture.powercut` is the long form."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import pytest

from tests.support.daemon import TOP
from tests.torture.powercut import apply, torn, what_is_missing
from tests.torture.recorder import FLUSH, RECORD, Flush, Write, read_log


@pytest.mark.slow
@pytest.mark.system
@pytest.mark.root
@pytest.mark.skipif(bool(what_is_missing("ext4")), reason=what_is_missing("ext4"))
def test_no_acknowledged_message_is_lost_by_a_power_cut() -> None:
    words = [sys.executable, "-m", "tests.torture.powercut", "--seconds", "2", "--states", "5", "--seed", "1"]
    ended = subprocess.run(words, cwd=TOP, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert " 0 of them bad" in ended.stdout


def test_a_log_is_read_back_as_it_was_recorded(tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "log")
    with open(path, "wb") as stream:
        stream.write(RECORD.pack(4096, 3) + b"abc" + RECORD.pack(FLUSH, 0) + RECORD.pack(0, 5) + b"cut")
    assert list(read_log(path)) == [Write(0, 4096, b"abc"), Flush(19)]


def test_a_torn_write_keeps_its_beginning(tmp_path: os.PathLike[str]) -> None:
    write = Write(0, 1024, bytes(range(256)) * 16)
    path = os.path.join(tmp_path, "image")
    with open(path, "wb") as stream:
        stream.truncate(8192)
    pieces = [torn(write, random.Random(seed)) for seed in range(40)]
    assert {len(piece.data) % 512 for piece in pieces} == {0}
    assert min(len(piece.data) for piece in pieces) < 4096 <= max(len(piece.data) for piece in pieces)
    apply(path, [pieces[0]])
    with open(path, "rb") as stream:
        assert stream.read()[1024 : 1024 + len(pieces[0].data)] == pieces[0].data
