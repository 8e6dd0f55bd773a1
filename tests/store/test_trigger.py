"""The trigger."""

from __future__ import annotations

import os
import select
from pathlib import Path

import pytest

from qmtwist.store import trigger


@pytest.fixture
def path(tmp_path: Path) -> str:
    path = str(tmp_path / "trigger")
    assert trigger.ensure(path) is None
    return path


def test_a_pull_is_heard_once(path: str) -> None:
    ear = trigger.Trigger(path)
    assert trigger.pull(path) and trigger.pull(path)
    assert ear.hear()
    assert not ear.hear()
    ear.close()


def test_the_listener_is_quiet_after_the_puller_has_closed(path: str) -> None:
    """No end of file that would make the reader spin."""
    ear = trigger.Trigger(path)
    trigger.pull(path)
    ear.hear()
    assert select.select([ear.fileno()], [], [], 0)[0] == []
    ear.close()


def test_pulling_without_a_listener_fails_silently(path: str) -> None:
    assert not trigger.pull(path)
    assert not trigger.pull(path + "-missing")


def test_a_full_fifo_holds_nobody_up(path: str) -> None:
    ear = trigger.Trigger(path)
    while trigger.pull(path):
        pass
    assert ear.hear()
    ear.close()


def test_a_file_under_the_triggers_name_is_neither_written_nor_removed(tmp_path: Path) -> None:
    path = tmp_path / "trigger"
    path.write_bytes(b"precious")
    assert not trigger.pull(str(path))
    complaint = trigger.ensure(str(path))
    assert complaint is not None and "is not a fifo" in complaint
    with pytest.raises(OSError, match="not a fifo"):
        trigger.Trigger(str(path))
    assert path.read_bytes() == b"precious"


def test_a_mode_that_keeps_programs_out_is_complained_about(path: str) -> None:
    os.chmod(path, 0o600)
    complaint = trigger.ensure(path)
    assert complaint is not None and "0600 instead of 0622" in complaint
