"""A disk that fails: the module `os`, with one call of it refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

VERBS = (
    *("open", "close", "write", "pwrite", "pread", "fsync", "fdatasync", "fchmod", "utime", "stat", "lstat"),
    *("link", "unlink", "rename", "scandir", "listdir"),
)


class FaultyOs:
    """Stands in for `os` in a module. The `failing`-th of its disk calls raises OSError(`code`); `calls` names all."""

    def __init__(self, failing: int, code: int) -> None:
        self.calls: list[str] = []
        self._failing = failing
        self._code = code

    @property
    def has_failed(self) -> bool:
        """Whether the fault has happened."""
        return len(self.calls) >= self._failing

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        return self._guard(name, real) if name in VERBS else real

    def _guard(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*words: Any, **named: Any) -> Any:
            self.calls.append(name)
            if len(self.calls) == self._failing:
                if name == "close":  # a failing close closes nevertheless
                    real(*words)
                raise OSError(self._code, os.strerror(self._code))
            return real(*words, **named)

        return call
