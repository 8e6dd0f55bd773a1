"""Who has had an automatic answer, and when: a text file in a user's home.

A line is the time and the sender, in which blanks, line ends and percent signs are written as in a URL; of several for
one sender the last counts, and time 0 means that there was no answer after all. A first line `period N` gives the
seconds between two answers; `never` in the place of the time stands before who gets none, which may be `@host`. A line
that a crash has cut off is marked by the next one, and says nothing.
"""

from __future__ import annotations

import fcntl
import os

from qmtwist.mail.shapes import Iterable, Iterator

from .durable import sync_directory, write_all

LIMIT_SENDERS = 100_000
"""How many senders a period may have. More are no people, and are not answered."""
_KEPT_LINES = 1000  # before it is worth while to look for those whose period is over
_PERIOD, _NEVER = b"period ", b"never "
_CUT_OFF = b" cut off\n"  # whoever was in this line is nobody now


class Answered:
    """The file of one user. Deliveries at the same time lock it for each question; nothing is kept in memory."""

    def __init__(self, path: str) -> None:
        self._path = path

    def clear(self, period_s: int) -> None:
        """Forget everybody, and set the period.

        :raises OSError: the file cannot be written.
        """
        descriptor = self._open()
        try:
            self._replace(_PERIOD + b"%d\n" % period_s)
        finally:
            os.close(descriptor)

    def claim(self, sender: bytes, now: int, period_s: int | None, usual_period_s: int) -> bool:
        """Whether this sender is to be answered now; then it is on disk that it has been.

        Without a period of the caller's the file's holds, or the usual one.

        :raises OSError: the file cannot be read or written.
        """
        descriptor = self._open()
        try:
            data = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
            if period_s is None:
                period_s = _stored_period(data, usual_period_s)
            if _is_excluded(data, sender) or _is_recent(_last(data, _escaped(sender)), now, period_s):
                return False
            return self._add(descriptor, data, b"%d %s\n" % (now, _escaped(sender)), now, period_s)
        finally:
            os.close(descriptor)

    def forget(self, sender: bytes) -> None:
        """There was no answer after all.

        :raises OSError: the file cannot be written.
        """
        self._note(b"0 %s\n" % _escaped(sender))

    def exclude(self, senders: Iterable[bytes]) -> None:
        """Never answer these; `@host` stands for everybody there.

        :raises OSError: the file cannot be written.
        """
        self._note(b"".join([_NEVER + _escaped(sender) + b"\n" for sender in senders]))

    def entries(self) -> list[tuple[bytes, int | None]]:
        """Who has had an answer, and when; None for never.

        :raises OSError: the file cannot be read.
        """
        descriptor = self._open()
        try:
            data = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
        finally:
            os.close(descriptor)
        times: list[tuple[bytes, int | None]] = [(who, at) for who, at in dict(_entries(data)).items() if at]
        times += [(line[len(_NEVER) :], None) for line in _never_lines(data)]
        return [(_unescaped(who), at) for who, at in times]

    def _note(self, lines: bytes) -> None:
        descriptor = self._open()
        try:
            _append(descriptor, os.pread(descriptor, os.fstat(descriptor).st_size, 0), lines)
        finally:
            os.close(descriptor)

    def _open(self) -> int:
        """The file, locked, and surely the one that has the name now."""
        while True:
            try:
                descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
            except FileNotFoundError:
                descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
                sync_directory(os.path.dirname(self._path) or ".")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            try:
                if os.path.samestat(os.fstat(descriptor), os.stat(self._path)):
                    return descriptor
            except FileNotFoundError:
                pass
            os.close(descriptor)

    def _add(self, descriptor: int, data: bytes, line: bytes, now: int, period_s: int) -> bool:
        if data.count(b"\n") > _KEPT_LINES:
            kept = {who: at for who, at in _entries(data) if _is_recent(at, now, period_s)}
            if len(kept) >= LIMIT_SENDERS:
                return False
            lines = [b"%d %s\n" % (at, who) for who, at in kept.items()]
            lines += [never + b"\n" for never in _never_lines(data)]
            if 2 * len(lines) < data.count(b"\n"):
                self._replace(b"".join([_first_line(data), *lines, line]))
                return True
        _append(descriptor, data, line)
        return True

    def _replace(self, data: bytes) -> None:
        """Put a new file in the place of the one that we have locked; who waits for the lock looks again."""
        fresh = f"{self._path}.new"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(fresh, self._path)
        sync_directory(os.path.dirname(self._path) or ".")


def _append(descriptor: int, data: bytes, line: bytes) -> None:
    """The line on disk, behind the data that are there."""
    is_whole = not data or data.endswith(b"\n")
    write_all(descriptor, line if is_whole else _CUT_OFF + line)
    os.fdatasync(descriptor)


def _is_recent(at: int, now: int, period_s: int) -> bool:
    """A time that is yet to come, from a clock that was wrong, counts like one that is as long ago."""
    return at > 0 and abs(now - at) < period_s


def _escaped(sender: bytes) -> bytes:
    return sender.lower().replace(b"%", b"%25").replace(b" ", b"%20").replace(b"\n", b"%0A")


def _unescaped(who: bytes) -> bytes:
    return who.replace(b"%0A", b"\n").replace(b"%20", b" ").replace(b"%25", b"%")


def _is_excluded(data: bytes, sender: bytes) -> bool:
    who = _escaped(sender)
    return any(_NEVER + name + b"\n" in data for name in (who, b"@" + who.rpartition(b"@")[2]))


def _never_lines(data: bytes) -> list[bytes]:
    return [line for line in data.split(b"\n")[:-1] if line.startswith(_NEVER) and line.count(b" ") == 1]


def _last(data: bytes, who: bytes) -> int:
    """When this one was last answered; 0 for never."""
    end = data.rfind(b" %s\n" % who)
    if end < 0:
        return 0
    number = data[data.rfind(b"\n", 0, end) + 1 : end]
    return _number(number)


def _number(text: bytes) -> int:
    return int(text) if text.isdigit() and len(text) < 20 else 0


def _entries(data: bytes) -> Iterator[tuple[bytes, int]]:
    for line in data.split(b"\n"):
        number, _, who = line.partition(b" ")
        if who and b" " not in who and number.isdigit():
            yield who, _number(number)


def _first_line(data: bytes) -> bytes:
    return data[: data.find(b"\n") + 1] if data.startswith(_PERIOD) else b""


def _stored_period(data: bytes, usual_period_s: int) -> int:
    text = _first_line(data)[len(_PERIOD) : -1]
    return _number(text) if text.isdigit() else usual_period_s
