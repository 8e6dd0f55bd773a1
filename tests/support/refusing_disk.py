"""A disk that refuses: every system call of a piece of work fails in its turn, whichever module makes it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

DISK_CALLS = (
    *("open", "read", "pread", "write", "close", "lseek", "fsync", "ftruncate"),
    *("link", "unlink", "rename", "stat", "fstat"),
)


class Disk:
    """Counts the calls of `os` and fails number `failing` (from 0) of them with `code`. `done` is what happened."""

    def __init__(self, failing: int | None = None, code: int = errno.EIO) -> None:
        self.failing = failing
        self.code = code
        self.done: list[str] = []

    def wrap(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        """The call with a counter before it. A close that fails has closed all the same, as on Linux."""

        def call(*arguments: Any, **options: Any) -> Any:
            number = len(self.done)
            self.done.append(name)
            if number == self.failing:
                if name == "close":
                    real(*arguments, **options)
                raise OSError(self.code, os.strerror(self.code))
            return real(*arguments, **options)

        return call

    @property
    def failed(self) -> str:
        """Which call failed, and which number it had among those of its name: `fsync 2`; empty when none did."""
        if self.failing is None or self.failing >= len(self.done):
            return ""
        name = self.done[self.failing]
        return f"{name} {self.done[: self.failing + 1].count(name)}"


@contextmanager
def watched(disk: Disk) -> Iterator[Disk]:
    """Put the counters in place for a while."""
    with pytest.MonkeyPatch.context() as patch:
        for name in DISK_CALLS:
            patch.setattr(os, name, disk.wrap(name, getattr(os, name)))
        yield disk


def each_failure(work: Callable[[], Any], code: int) -> Iterator[tuple[Disk, Any]]:
    """Do the work with its first call failing, then its second, until no call is left to fail.

    Yields the disk and what came of the work: its result, or the exception that it raised.
    """
    failing = 0
    while True:
        disk = Disk(failing, code)
        outcome: Any
        with watched(disk):
            try:
                outcome = work()
            except Exception as error:
                outcome = error
        if not disk.failed:
            assert failing > 0, "the work calls nothing that could fail"
            return
        yield disk, outcome
        failing += 1


def open_descriptors() -> int:
    """How many descriptors this process has."""
    return len(os.listdir("/proc/self/fd"))
