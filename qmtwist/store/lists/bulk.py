"""Many files that get a new content: first all are written, then made durable, then they get their names."""

from __future__ import annotations

import os

from qmtwist.mail.errors import suppress
from qmtwist.store.durable import sync_directory, unlink_quietly, write_all

from .files import give_up

_FEW = 64  # files that are synced one by one; more of them by syncing everything


class Bulk:
    """`with Bulk() as files:` puts files; those that have not been committed at the end are as they were."""

    def __init__(self, suffix: str = ".new", mode: int = 0o644) -> None:
        self._suffix = suffix
        self._mode = mode
        self._written: dict[str, None] = {}

    def __enter__(self) -> Bulk:
        return self

    def __exit__(self, *_: object) -> None:
        for path in self._written:
            with suppress(OSError):
                unlink_quietly(path + self._suffix)
        self._written.clear()

    def __len__(self) -> int:
        return len(self._written)

    def put(self, path: str, data: bytes) -> None:
        """The file is to have this content.

        :raises Temporary: the disk refuses.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(path + self._suffix, flags, self._mode)
            self._written[path] = None
            try:
                os.fchmod(descriptor, self._mode)
                write_all(descriptor, data)
            finally:
                os.close(descriptor)
        except OSError as error:
            give_up(f"unable to write {path}", error)

    def commit(self) -> None:
        """The files are there, and durable.

        :raises Temporary: some may be as they were.
        """
        folders = {os.path.dirname(path) or "." for path in self._written}
        try:
            self._sync()
            for path in list(self._written):
                os.rename(path + self._suffix, path)
                del self._written[path]
            if len(folders) > _FEW:
                os.sync()
            else:
                for folder in sorted(folders):
                    sync_directory(folder)
        except OSError as error:
            give_up("unable to write the files of an archive", error)

    def _sync(self) -> None:
        if len(self._written) > _FEW:
            os.sync()
            return
        for path in self._written:
            descriptor = os.open(path + self._suffix, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def folder(path: str, mode: int = 0o755) -> None:
    """Make a directory with this mode, if it is not there; those above it as well.

    :raises Temporary: it cannot be made.
    """
    try:
        if os.path.isdir(path):
            return
        above = os.path.dirname(path.rstrip("/"))
        if above and not os.path.isdir(above):
            folder(above, mode)
        with suppress(FileExistsError):
            os.mkdir(path, mode)
            os.chmod(path, mode)
            sync_directory(above or ".")
    except OSError as error:
        give_up(f"unable to create {path}", error)
