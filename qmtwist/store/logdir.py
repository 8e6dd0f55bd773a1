"""A log directory of multilog: current, its old files, and what they are called. (multilog(8))

Nothing that was put into a log is lost while this program lives: what the disk refuses is tried again, every five
seconds, for as long as it takes, and whoever writes to us waits meanwhile. A power cut costs the end of `current`,
which is synced when it is rotated and at the end; the file then gets a name ending in `.u`.

The sizes at which files are cut are those of the original, which writes at most 512 bytes, or one line, at a time.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time

from qmtwist.logbook import tai64
from qmtwist.logbook.selection import Rotation
from qmtwist.mail.errors import suppress
from qmtwist.mail.reasons import reason
from qmtwist.mail.shapes import Callable

from . import durable

PAUSE_S = 5.0
MARGIN_BYTES = 2000  # at a line end in the last so many bytes a file is full
FINISHED = stat.S_IXUSR  # the mark of a file that was closed in order
_CLEAN_MODE, _OPEN_MODE = 0o744, 0o644
_PIECE_BYTES = 512
_LARGE_BYTES = 8192
_CREATE = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
_OLD_NAME = 25  # an old file's name has at least so many letters

Process = Callable[[int, bytes], int]
"""Runs a directory's processor over `previous` in the directory of this descriptor; its wait status."""


class CannotOpen(Exception):
    """A log cannot be opened, before anything was read: `text` says what, `error` why."""

    def __init__(self, text: bytes, error: OSError) -> None:
        super().__init__(text)
        self.text, self.error = text, error


class Patience:
    """How trouble is waited out: said on standard error, then tried again."""

    def __init__(self, name: bytes, pause: Callable[[float], None] = time.sleep) -> None:
        self._name, self._pause = name, pause

    def warn(self, what: bytes, error: OSError | None = None) -> None:
        """Say it, and wait."""
        text = b"%s: warning: %s" % (self._name, what)
        with suppress(OSError):
            durable.write_all(2, text + (b": " + reason(error) if error is not None else b"") + b"\n")
        self._pause(PAUSE_S)

    def until(self, step: Callable[[], int | None], what: bytes) -> int:
        """Do it until it succeeds; its number, if it has one."""
        while True:
            try:
                return step() or 0
            except OSError as error:
                self.warn(what + b", pausing", error)


class LogDirectory:
    """One log. Made by multilog and cyclog, and open until `close`.

    `put` and `fill` collect, `cut` marks where the original would have written everything, `flush` writes.
    """

    def __init__(
        self, path: bytes, rotation: Rotation, process: Process, patience: Patience, margin: int = MARGIN_BYTES
    ) -> None:
        """:raises CannotOpen: another program writes there, or the system refuses."""
        self._path, self._rotation, self._process, self._patience = path, rotation, process, patience
        self._full_bytes = rotation.size_bytes - margin
        self._bytes = 0
        self._ready = bytearray()  # may be written as it is: the file will not be full
        self._puts: list[tuple[bytes, bool]] = []  # since the last cut
        self._put_bytes = 0
        self._piece = bytearray()
        self._directory = self._step(b"unable to open directory ", self._open_directory)
        self._lock = self._step(b"unable to lock directory ", self._take_lock)
        self._current = self._step(b"unable to open ", self._find_current, b"/current")

    def _step(self, what: bytes, step: Callable[[], int], name: bytes = b"") -> int:
        try:
            return step()
        except OSError as error:
            raise CannotOpen(what + self._path + name, error) from None

    def _open_directory(self) -> int:
        with suppress(OSError):
            os.mkdir(self._path, 0o700)
        return os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def _take_lock(self) -> int:
        lock = os.open("lock", _CREATE, 0o600, dir_fd=self._directory)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return lock

    def _find_current(self) -> int:
        """Go on with a file that was closed in order; put away what a crash has left."""
        mode = self._mode_of("current")
        if mode & FINISHED:
            current = self._open("current")
            self._bytes = os.fstat(current).st_size
            os.fchmod(current, _OPEN_MODE)
            return current
        self._remove("state")
        self._remove("newstate")
        if self._mode_of("processed") & FINISHED:
            self._remove("previous")
            self._retire("processed", b"s")
        else:
            self._remove("processed")
        self._retire("previous", b"u")
        self._retire("current", b"u")
        os.close(os.open("state", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OPEN_MODE, dir_fd=self._directory))
        return self._begin()

    # -- what multilog calls

    def put(self, data: bytes) -> None:
        """A line, or its first 1000 bytes, or its end."""
        self._puts.append((data, False))
        self._put_bytes += len(data)

    def fill(self, data: bytes) -> None:
        """What a line has beyond its first 1000 bytes."""
        self._puts.append((data, True))
        self._put_bytes += len(data)

    def cut(self) -> None:
        """All that was put is to be written now, before anything that follows."""
        if self._bytes + len(self._ready) + self._put_bytes < self._full_bytes:
            for data, _ in self._puts:
                self._ready += data
        else:
            self._write_ready()
            for data, is_filling in self._puts:
                self._replay(data, is_filling)
            self._empty_piece()
        self._puts.clear()
        self._put_bytes = 0

    def flush(self) -> None:
        """Everything into the file; it waits for a disk that is full."""
        self.cut()
        self._write_ready()

    def rotate_early(self) -> None:
        """Begin a new file now, unless this one is empty."""
        self.flush()
        if self._bytes:
            self._rotate()

    def close(self) -> None:
        """Write all, sync it and mark the file as closed in order."""
        self.flush()
        self._patience.until(lambda: os.fsync(self._current), self._unwritable())
        with suppress(OSError):
            os.fchmod(self._current, _CLEAN_MODE)
        for descriptor in (self._current, self._lock, self._directory):
            os.close(descriptor)

    # -- writing

    def _write_ready(self) -> None:
        data, self._ready = self._ready, bytearray()
        while data:
            del data[: self._write_some(data)]

    def _replay(self, data: bytes, is_filling: bool) -> None:
        """Put data into the piece as the original does: a line is kept whole if it can be, the rest of one is not."""
        if is_filling:
            while data:
                if len(self._piece) == _PIECE_BYTES:
                    self._empty_piece()
                room = _PIECE_BYTES - len(self._piece)
                self._piece += data[:room]
                data = data[room:]
            return
        if len(data) > _PIECE_BYTES - len(self._piece):
            self._empty_piece()
        while len(data) > _PIECE_BYTES:
            self._write_piece(data[:_LARGE_BYTES])
            data = data[_LARGE_BYTES:]
        self._piece += data

    def _empty_piece(self) -> None:
        piece, self._piece = bytes(self._piece), bytearray()
        self._write_piece(piece)

    def _write_piece(self, data: bytes) -> None:
        """Write one piece, and rotate where the file is full: at a line end if one is near."""
        while data:
            if self._bytes >= self._rotation.size_bytes:
                self._rotate()
            part = data[: self._rotation.size_bytes - self._bytes]
            if self._bytes + len(part) >= self._full_bytes:
                part = part[: part.rfind(b"\n") + 1] or part
            written = self._write_some(part)
            data = data[written:]
            if self._bytes >= self._full_bytes and part[written - 1 : written] == b"\n":
                self._rotate()

    def _write_some(self, data: bytes | bytearray) -> int:
        written = self._patience.until(lambda: os.write(self._current, data), self._unwritable())
        self._bytes += written
        return written

    def _unwritable(self) -> bytes:
        return b"unable to write to %s/current" % self._path

    # -- rotation

    def _rotate(self) -> None:
        """`current` becomes an old file, by the name `previous` meanwhile."""
        patience, where = self._patience, self._path
        patience.until(lambda: os.fsync(self._current), self._unwritable())
        os.close(self._current)
        patience.until(
            lambda: os.rename("current", "previous", src_dir_fd=self._directory, dst_dir_fd=self._directory),
            b"unable to rename current to previous in directory " + where,
        )
        self._current = patience.until(self._begin, b"unable to create %s/current" % where)
        patience.until(
            lambda: os.chmod("previous", _CLEAN_MODE, dir_fd=self._directory),
            b"unable to set mode of %s/previous" % where,
        )
        if self._rotation.processor:
            self._run_processor()
        self._retire("processed" if self._rotation.processor else "previous", b"s")

    def _begin(self) -> int:
        current = self._open("current")
        os.fchmod(current, _OPEN_MODE)
        self._bytes = os.fstat(current).st_size
        return current

    def _run_processor(self) -> None:
        """Make `processed` of `previous`, and the next state."""
        patience, where = self._patience, self._path
        while (status := self._try_processor()) != 0:
            if status is not None:
                ended = b"crashed" if os.WIFSIGNALED(status) else b"failed"
                patience.warn(b"processor %s in %s, pausing" % (ended, where))
        self._make_safe("processed", _CLEAN_MODE)
        self._make_safe("newstate", _OPEN_MODE)
        patience.until(lambda: self._remove("previous"), b"unable to remove %s/previous" % where)
        patience.until(
            lambda: os.rename("newstate", "state", src_dir_fd=self._directory, dst_dir_fd=self._directory),
            b"unable to move %s/newstate to state" % where,
        )

    def _try_processor(self) -> int | None:
        """Its wait status; None, after a pause: there is no process for it."""
        try:
            return self._process(self._directory, self._rotation.processor)
        except OSError as error:
            self._patience.warn(b"unable to start processor in %s, pausing" % self._path, error)
            return None

    def _make_safe(self, name: str, mode: int) -> None:
        self._patience.until(lambda: self._sync(name, mode), b"unable to write to %s/%s" % (self._path, name.encode()))

    def _sync(self, name: str, mode: int) -> None:
        descriptor = self._open(name)
        try:
            os.fsync(descriptor)
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)

    def _retire(self, name: str, code: bytes) -> None:
        """Give a file, if there is one, its name among the old ones; then remove what is too old."""
        where, patience = self._path, self._patience
        plain = b"%s/%s" % (where, name.encode())
        links = patience.until(lambda: self._links(name), b"unable to stat " + plain)
        if not links:
            return
        if links == 1:  # two: we were killed between the two steps
            self._name_old(name, code)
        patience.until(lambda: self._remove(name), b"unable to remove " + plain)
        patience.until(self._remove_oldest, b"unable to remove old files of " + where)
        patience.until(self._sync_names, b"unable to write to " + where)

    def _name_old(self, name: str, code: bytes) -> None:
        while True:
            old = tai64.stamp(time.time_ns()) + b"." + code
            try:
                os.link(name, os.fsdecode(old), src_dir_fd=self._directory, dst_dir_fd=self._directory)
            except OSError as error:
                self._patience.warn(b"unable to link to %s/%s, pausing" % (self._path, old), error)
            else:
                return

    def _remove_oldest(self) -> None:
        names = [name for name in os.listdir(self._directory) if name[:1] == "@" and len(name) >= _OLD_NAME]
        for name in sorted(names)[: max(0, len(names) - self._rotation.number + 1)]:
            self._remove(name)

    def _sync_names(self) -> None:
        try:
            os.fsync(self._directory)
        except OSError as error:
            if error.errno != errno.EINVAL:  # some file systems cannot
                raise

    # -- names in the directory

    def _open(self, name: str) -> int:
        return os.open(name, _CREATE, 0o600, dir_fd=self._directory)

    def _remove(self, name: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._directory)

    def _links(self, name: str) -> int:
        try:
            return os.stat(name, dir_fd=self._directory).st_nlink
        except FileNotFoundError:
            return 0

    def _mode_of(self, name: str) -> int:
        """0 for a file that is not there."""
        try:
            return os.stat(name, dir_fd=self._directory).st_mode
        except FileNotFoundError:
            return 0


class StatusFile:
    """The file of an action `=`: always the last line that was put. Open as long as the program runs."""

    def __init__(self, path: bytes, patience: Patience) -> None:
        """:raises CannotOpen: it cannot be made."""
        self._path, self._patience = path, patience
        self._waiting = b""
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise CannotOpen(b"unable to create " + path, error) from None

    def put(self, content: bytes) -> None:
        """What the file is to hold."""
        self._waiting = content

    def flush(self) -> None:
        """Write it, if it is news."""
        content, self._waiting = self._waiting, b""
        if content:
            self._patience.until(lambda: self._write(content), b"unable to write to " + self._path)

    def _write(self, content: bytes) -> None:
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        durable.write_all(self._descriptor, content)
