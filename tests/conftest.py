"""What every test may use."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# No deadline: the machine may be busy. No database: the checkout may belong to somebody else.
hypothesis.settings.register_profile("house", deadline=None, database=None, max_examples=100, stateful_step_count=50)
# The same examples in every run of CI: what fails there was broken by the change. New ones are found in the others.
hypothesis.settings.register_profile("ci", hypothesis.settings.get_profile("house"), derandomize=True)
hypothesis.settings.register_profile("long", hypothesis.settings.get_profile("house"), max_examples=1000)
# Now, since a test's own settings begin with those that are loaded when its module is read.
hypothesis.settings.load_profile("long" if "--long" in sys.argv else "ci" if os.environ.get("CI") else "house")

# A directory's ticket to the other rooms: tests import `tests.support...`, whatever directory pytest is started in.
pytest.register_assert_rewrite("tests.support")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--long`: tests marked so run, too."""
    parser.addoption("--long", action="store_true", help="the long forms of tests as well, as `make torture` has them")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long forms out unless they are asked for."""
    if config.getoption("--long"):
        return
    left_out = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


_MASK = os.umask(0o022)
os.umask(_MASK)
_PLACE = os.getcwd()


def pytest_runtest_teardown() -> None:
    """Some programs change umask and directory, which is right for a process of their own; the next test gets ours."""
    os.umask(_MASK)
    os.chdir(_PLACE)


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
