"""store/lock: a mailbox is ours alone, against those who flock and those who use fcntl."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from qmtwist.store import lock


class Clock:
    """Time that passes only by pausing."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "box", os.O_RDWR | os.O_CREAT, 0o600)
    yield descriptor
    os.close(descriptor)


@contextmanager
def holder(path: Path, how: str) -> Iterator[None]:
    """Another process that holds a lock on the file."""
    ready, tell = os.pipe()
    end, finish = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(finish)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        getattr(fcntl, how)(descriptor, fcntl.LOCK_EX)
        os.write(tell, b"x")
        os.read(end, 1)
        os._exit(0)
    os.close(end)
    os.read(ready, 1)
    try:
        yield
    finally:
        for descriptor in (finish, ready, tell):
            os.close(descriptor)
        os.waitpid(pid, 0)


def test_a_free_file_is_locked_at_once(file: int) -> None:
    clock = Clock()
    assert lock.lock_mailbox(file, 30, clock, clock.pause)
    assert clock.now == 0


@pytest.mark.parametrize("how", ["flock", "lockf"])
def test_whoever_holds_it_is_waited_for_but_not_for_ever(file: int, tmp_path: Path, how: str) -> None:
    clock = Clock()
    with holder(tmp_path / "box", how), pytest.raises(lock.Locked):
        lock.lock_mailbox(file, 30, clock, clock.pause)
    assert 30 <= clock.now < 30.2
    assert lock.lock_mailbox(file, 30, clock, clock.pause)


@pytest.mark.parametrize("how", ["flock", "lockf"])
def test_others_are_kept_out_until_the_file_is_closed(tmp_path: Path, how: str) -> None:
    descriptor = os.open(tmp_path / "box", os.O_RDWR | os.O_CREAT, 0o600)
    assert lock.lock_mailbox(descriptor, 30)

    def taken_by_other() -> bool:
        pid = os.fork()
        if not pid:
            other = os.open(tmp_path / "box", os.O_RDWR)
            try:
                getattr(fcntl, how)(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os._exit(1)
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

    assert not taken_by_other()
    os.close(descriptor)
    assert taken_by_other()


def test_a_lock_that_comes_free_while_waiting_is_taken(file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, answers = Clock(), [BlockingIOError(11, ""), BlockingIOError(11, ""), None]

    def flock(*_: object) -> None:
        answer = answers.pop(0)
        if answer:
            raise answer

    monkeypatch.setattr(fcntl, "flock", flock)
    assert lock.lock_mailbox(file, 30, clock, clock.pause)
    assert clock.now == pytest.approx(0.1)


def test_a_file_system_without_locks_is_no_error(file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(37, "ENOLCK")

    monkeypatch.setattr(fcntl, "flock", none)
    monkeypatch.setattr(fcntl, "lockf", none)
    assert lock.lock_mailbox(file, 30) is False


def test_over_a_network_flock_stands_alone(file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(lock, "_is_local", lambda device: False)
    monkeypatch.setattr(fcntl, "lockf", lambda *arguments: asked.append(arguments))
    assert lock.lock_mailbox(file, 30)
    assert asked == []


def test_a_disk_is_local_and_what_nobody_has_mounted_is_not() -> None:
    assert lock._is_local(os.makedev(8, 1))
    assert not lock._is_local(os.makedev(0, 999_999))
    assert not lock._is_local(os.stat("/proc").st_dev)
