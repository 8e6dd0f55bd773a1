"""The archive of a list: message 1234 is archive/12/34. Its owner-execute bit says that it is complete. (ezmlm)"""

from __future__ import annotations

import os

from qmtwist.mail.errors import suppress
from qmtwist.store.durable import sync_directory, unlink_quietly, write_all

from .files import give_up, read_if_there, rewrite

_COMPLETE_MODE = 0o744


class Keeping:
    """A message on its way into the archive. It counts after `complete`; without that it is nobody's."""

    def __init__(self, directory: str, number: int) -> None:
        """:raises Temporary: it cannot be kept."""
        self._folder = f"{directory}/archive/{number // 100}"
        self._path = f"{self._folder}/{number % 100:02d}"
        self._index = f"{self._folder}/index"
        self._index_size = -1
        self._descriptor = -1
        try:
            with suppress(FileExistsError):
                os.mkdir(self._folder)
                sync_directory(f"{directory}/archive")
            # Another's complete message must not be taken for this one: a number is used again if queueing failed.
            unlink_quietly(self._path)
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except OSError as error:
            give_up(f"unable to create {self._path}", error)

    def write(self, data: bytes) -> None:
        """:raises Temporary: the disk refuses."""
        try:
            write_all(self._descriptor, data)
        except OSError as error:
            give_up(f"unable to write {self._path}", error)

    def complete(self) -> None:
        """Make it durable, and then say that it is whole.

        :raises Temporary: it is not.
        """
        try:
            os.fsync(self._descriptor)
            os.fchmod(self._descriptor, _COMPLETE_MODE)
            os.fsync(self._descriptor)
            sync_directory(self._folder)
        except OSError as error:
            give_up(f"unable to write {self._path}", error)

    def note(self, entry: bytes) -> None:
        """Write it into the index.

        :raises Temporary: the disk refuses.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        try:
            descriptor = os.open(self._index, flags, 0o644)
            try:
                self._index_size = os.fstat(descriptor).st_size
                write_all(descriptor, entry)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            self.undo()
            give_up(f"unable to write {self._index}", error)

    def undo(self) -> None:
        """The message is not sent after all. Its number will be used again, so the rest is left for the next one."""
        if self._index_size >= 0:
            with suppress(OSError):
                os.truncate(self._index, self._index_size)

    def close(self) -> None:
        """Nothing more is written. What was to be durable is, so that a close that fails means nothing."""
        if self._descriptor >= 0:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = -1


def kept_path(directory: str, number: int) -> str | None:
    """Where a complete message is kept, or None if there is none.

    :raises Temporary: that cannot be told.
    """
    path = f"{directory}/archive/{number // 100}/{number % 100:02d}"
    try:
        return path if os.stat(path).st_mode & 0o100 else None
    except FileNotFoundError:
        return None
    except OSError as error:
        give_up(f"unable to read {path}", error)


def kept_size(directory: str, number: int) -> int:
    """How many bytes a message has; 0 if there is none.

    :raises Temporary: that cannot be told.
    """
    path = f"{directory}/archive/{number // 100}/{number % 100:02d}"
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
    except OSError as error:
        give_up(f"unable to read {path}", error)


def kept(directory: str, number: int, limit_bytes: int) -> bytes | None:
    """The beginning of a complete message, or None if there is none.

    :raises Temporary: it is there, and cannot be read.
    """
    path = kept_path(directory, number)
    if path is None:
        return None
    try:
        with open(path, "rb", buffering=0) as stream:
            return stream.read(limit_bytes)
    except OSError as error:
        give_up(f"unable to read {path}", error)


def index(directory: str, hundred: int) -> bytes | None:
    """The index of a hundred messages, or None if there is none.

    :raises Temporary: it is there, and cannot be read.
    """
    path = f"{directory}/archive/{hundred}/index"
    try:
        return read_if_there(path)
    except OSError as error:
        give_up(f"unable to read {path}", error)


def set_index(directory: str, hundred: int, data: bytes) -> None:
    """Write an index anew, for messages that are there.

    :raises Temporary: it is what it was.
    """
    path = f"{directory}/archive/{hundred}/index"
    try:
        rewrite(path, path + ".new", data)
    except OSError as error:
        give_up(f"unable to write {path}", error)
