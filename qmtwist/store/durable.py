"""All disk verbs of the program: each step that promises something syncs what the promise needs.

Every function raises OSError as the kernel gave it; the caller knows which message it was working on. `SYNC_DIRECTORY`
is the step that most software leaves out: a link or rename is in memory only until its directory is synced.
"""

from __future__ import annotations

import os


def write_all(descriptor: int, data: bytes | bytearray) -> None:
    """Write every byte, however the kernel cuts it."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def create(path: str, data: bytes, mode: int = 0o600) -> None:
    """A new file with this content, written and fsynced; its directory entry is not yet durable.

    :raises FileExistsError: the name is taken; nothing was touched.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        os.fchmod(descriptor, mode)
        write_all(descriptor, data)
        os.fsync(descriptor)
    except BaseException:
        unlink_quietly(path)
        raise
    finally:
        os.close(descriptor)


def replace(path: str, data: bytes, mode: int = 0o644, owner: tuple[int, int] | None = None) -> None:
    """Replace a file's content in one step: after a cut at any moment the old or the new content is there.

    `owner` is the uid and gid that the file is to have before it gets its name; None: the caller's.
    """
    temporary = f"{path}.tmp.{os.getpid()}"
    unlink_quietly(temporary)
    create(temporary, data, mode)
    if owner is not None:
        os.chown(temporary, *owner)
    os.rename(temporary, path)
    sync_directory(os.path.dirname(path) or ".")


def append(path: str, data: bytes, mode: int = 0o600) -> None:
    """Append and fsync; a cut may leave a part of `data` at the end."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, mode)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: str) -> None:
    """Make the entries of a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unlink_quietly(path: str) -> bool:
    """Remove a file; whether there was one. Its absence is no error, any other trouble is."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True


def read(path: str) -> bytes:
    """A whole file."""
    with open(path, "rb", buffering=0) as stream:
        return stream.readall()
