"""What every test may use."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# No deadline: the machine may be busy. No database: the checkout may belong to somebody else.
hypothesis.settings.register_profile("house", deadline=None, database=None)
hypothesis.settings.load_profile("house")

# A directory's ticket to the other rooms: tests import `tests.support...`, whatever directory pytest is started in.
pytest.register_assert_rewrite("tests.support")


@pytest.fixture
def open_directory() -> Iterator[str]:
    """A fresh directory that every account may enter; pytest's own `tmp_path` is closed to all but its owner."""
    path = tempfile.mkdtemp(prefix="qmtwist-test-", dir="/tmp")
    os.chmod(path, 0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def memory_directory(tmp_path: Path) -> Iterator[str]:
    """A directory in memory where there is such a place: what is synced thousands of times need not wait for a disk."""
    if not os.access("/dev/shm", os.W_OK):
        yield str(tmp_path)
        return
    path = tempfile.mkdtemp(prefix="qmtwist-test-", dir="/dev/shm")
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
