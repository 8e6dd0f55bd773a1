"""Putting messages to rest: from the journal, or from memory, into qmail's files.

The commit point is info/S/N, which appears last: before it the journal alone counts, and what is left of an attempt is
made anew; after it (and its sync) the files alone count.
"""

from __future__ import annotations

import ctypes
import os

from qmtwist.mail.errors import suppress
from qmtwist.mail.shapes import NamedTuple, Sequence
from qmtwist.store import durable

from .layout import CHANNELS, Layout
from .records import encode_info, encode_recipients


class Resting(NamedTuple):
    """A message as files keep it: recipients per channel as (done, address); a channel without any left is empty."""

    number: int
    birth: int
    sender: bytes
    content: bytes
    local: list[tuple[bool, bytes]]
    remote: list[tuple[bool, bytes]]
    local_due: int
    remote_due: int
    paragraphs: bytes


def put_to_rest(layout: Layout, messages: Sequence[Resting]) -> None:
    """Write these messages as queue files, durably; those that have an info file already are left as they are.

    :raises OSError: the disk refused; what was written is taken back, and none of them may be forgotten elsewhere.
    """
    waiting = [message for message in messages if not _is_at_rest(layout, message.number)]
    watch_filesystem(layout.queue)
    try:
        for message in waiting:
            _write_parts(layout, message)
        if waiting:
            sync_filesystem(layout.queue)
        for message in waiting:
            os.rename(_staging(layout, message.number), layout.info(message.number))
        if messages:  # an info file that was found may never have been synced
            sync_filesystem(layout.queue)
    except OSError:
        for message in waiting:
            _take_back(layout, message.number)
        raise


def _is_at_rest(layout: Layout, number: int) -> bool:
    """:raises OSError: it cannot be told; then nothing may be written over what may be there."""
    try:
        os.lstat(layout.info(number))
    except FileNotFoundError:
        return False
    return True


def _staging(layout: Layout, number: int) -> str:
    return f"{layout.pid}/rest.{number}"


def _take_back(layout: Layout, number: int) -> None:
    """Remove what an attempt made, as far as the disk lets us; the rest is made anew by the next attempt.

    The info file is gone for good before anything else goes: were it to come back alone, it would stand for a message.
    """
    info = layout.info(number)
    channels = [layout.channel(name, number) for name in CHANNELS]
    with suppress(OSError):
        if durable.unlink_quietly(info):
            durable.sync_directory(os.path.dirname(info))
        for path in (_staging(layout, number), *channels, layout.bounce(number), layout.mess(number)):
            durable.unlink_quietly(path)


def _write_parts(layout: Layout, message: Resting) -> None:
    number = message.number
    _write(layout.mess(number), message.content, 0o644)
    for channel, recipients, due in (
        ("local", message.local, message.local_due),
        ("remote", message.remote, message.remote_due),
    ):
        path = layout.channel(channel, number)
        durable.unlink_quietly(path)
        if any(not is_done for is_done, _ in recipients):
            _write(path, encode_recipients(recipients), 0o600)
            os.utime(path, (due, due))
    durable.unlink_quietly(layout.bounce(number))
    if message.paragraphs:
        _write(layout.bounce(number), message.paragraphs, 0o600)
    staging = _staging(layout, number)
    _write(staging, encode_info(message.sender), 0o600)
    os.utime(staging, (message.birth, message.birth))


def _write(path: str, data: bytes, mode: int) -> None:
    """A new file, not yet synced: the caller syncs the file system once for all."""
    durable.unlink_quietly(path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        os.fchmod(descriptor, mode)
        durable.write_all(descriptor, data)
    finally:
        os.close(descriptor)


_libc = ctypes.CDLL(None, use_errno=True)


_watched: dict[str, int] = {}  # a descriptor hears of every write that failed since it was opened or last asked
_WATCHED_LIMIT = 8


def watch_filesystem(path: str) -> int:
    """Begin to hear of write errors on the file system of this directory; to be called before the writes."""
    descriptor = _watched.get(path)
    if descriptor is None:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        if len(_watched) >= _WATCHED_LIMIT:
            os.close(_watched.pop(next(iter(_watched))))
        _watched[path] = descriptor
    return descriptor


def sync_filesystem(path: str) -> None:
    """Make everything on the file system of this directory durable, and hear of write errors (syncfs, Linux 5.8)."""
    if _libc.syncfs(watch_filesystem(path)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
