"""Whether a program in HOME/bin is ours, or another one of the same interface that was put in its place."""

from __future__ import annotations

import os
import stat

MARK = b"# qmtwist launcher"
_START_BYTES = 600  # a script has the mark near its beginning
_SETUID_BYTES = 4096  # a dynamic program has more than that in its headers alone
_ELF_BYTES = 8192  # the set-uid form is a program smaller than this, with the mark at its end


def is_ours(path: str) -> bool:
    """Whether this is one of our launchers. Absent or unreadable: no, but for the set-uid form, which users cannot
    read: no compiler makes a set-uid program as small.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            start = os.read(descriptor, _ELF_BYTES)
        finally:
            os.close(descriptor)
    except PermissionError:
        return _looks_like_setuid_form(path)
    except OSError:
        return False
    return start.endswith(MARK + b"\n") if start.startswith(b"\x7fELF") else MARK + b"\n" in start[:_START_BYTES]


def _looks_like_setuid_form(path: str) -> bool:
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and bool(status.st_mode & stat.S_ISUID) and status.st_size < _SETUID_BYTES


def is_replaced(home: str, name: str) -> bool:
    """Whether HOME/bin/NAME is there and not ours: then it is run instead of doing its work ourselves."""
    path = f"{home}/bin/{name}"
    return os.path.lexists(path) and not is_ours(path)


class Watch:
    """Remembers the answer for one program until its file changes; one `stat` per question."""

    def __init__(self, home: str, name: str) -> None:
        self._home, self._name = home, name
        self.path = f"{home}/bin/{name}"
        self._seen: tuple[int, ...] | None = None
        self._answer = False

    def is_replaced(self) -> bool:
        """The same as the function, for now."""
        try:
            status = os.stat(self.path)
            seen: tuple[int, ...] = (status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_size)
        except OSError:
            seen = ()
        if seen != self._seen:
            self._answer = is_replaced(self._home, self._name)
            self._seen = seen
        return self._answer
