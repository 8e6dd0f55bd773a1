"""cli/control/trust: every directory on the way counts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qmtwist.cli.control import trust


def test_links_are_followed_and_each_directory_is_named(open_directory: str) -> None:
    top = open_directory
    os.makedirs(f"{top}/a/b")
    Path(f"{top}/a/b/file").touch()
    os.symlink("a", f"{top}/relative")
    os.symlink(f"{top}/relative/b/..", f"{top}/absolute")
    assert trust.steps(f"{top}/relative/b/file")[-3:] == [f"{top}/a", f"{top}/a/b", f"{top}/a/b/file"]
    assert f"{top}/a/b" in trust.steps(f"{top}/absolute/b/file")
    assert trust.steps(f"{top}/absolute/b/file")[-1] == f"{top}/a/b/file"


def test_a_circle_of_links_and_a_missing_step_are_errors(open_directory: str) -> None:
    os.symlink("loop", f"{open_directory}/loop")
    with pytest.raises(OSError):
        trust.steps(f"{open_directory}/loop")
    assert trust.closed_step(f"{open_directory}/missing/file") == f"{open_directory}/missing"


def test_a_closed_directory_behind_a_link_is_found(open_directory: str) -> None:
    os.makedirs(f"{open_directory}/closed/inner")
    Path(f"{open_directory}/closed/inner/python").touch(0o755)
    os.symlink("closed/inner/python", f"{open_directory}/python")
    assert trust.closed_step(f"{open_directory}/python") is None
    os.chmod(f"{open_directory}/closed", 0o700)
    assert trust.closed_step(f"{open_directory}/python") == f"{open_directory}/closed"


def test_a_directory_that_can_be_entered_but_not_listed_is_closed_only_as_the_goal(open_directory: str) -> None:
    os.makedirs(f"{open_directory}/way/goal")
    os.chmod(f"{open_directory}/way", 0o711)
    assert trust.closed_step(f"{open_directory}/way/goal") is None
    assert trust.closed_step(f"{open_directory}/way") == f"{open_directory}/way"


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs files of root")
def test_whoever_could_replace_a_step_is_named(open_directory: str) -> None:
    os.makedirs(f"{open_directory}/a/b")
    Path(f"{open_directory}/a/b/file").touch(0o644)
    assert trust.changeable_step(f"{open_directory}/a/b/file") is None
    assert trust.changeable_below(f"{open_directory}/a") is None
    os.chown(f"{open_directory}/a/b/file", 12345, 0)
    assert trust.changeable_below(f"{open_directory}/a") == f"{open_directory}/a/b/file belongs to uid 12345"
    os.chown(f"{open_directory}/a/b/file", 0, 0)
    os.chmod(f"{open_directory}/a", 0o775)
    expected = f"{open_directory}/a can be written by others than its owner"
    assert trust.changeable_step(f"{open_directory}/a/b/file") == expected
    os.chmod(f"{open_directory}/a", 0o1777)  # like /tmp: nobody can replace the file of another
    assert trust.changeable_step(f"{open_directory}/a/b/file") is None
    assert trust.changeable_step("/usr/bin/env") is None
