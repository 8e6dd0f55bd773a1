"""Message numbers: never used twice within a home, and no inode numbers, so that a queue can be copied.

The counter is the file queue/lock/numbers: two records of 32 bytes, `NUMBER CHECKSUM LF`, written in turn. The greater
valid one is the next free number. A write that a power cut tore spoils one record only, and a number given out is on
disk before it is used.
"""

from __future__ import annotations

import fcntl
import os
import zlib

from qmtwist.store import durable

from .layout import CHANNELS, Layout

FIRST = 10_000_000_000
"""The first number of a new home: no inode number of another program's qmail-queue comes near it."""

LEAP = 1_000_000
"""Left out when the counter was lost: numbers may have been given out whose messages are nowhere to be seen."""

_RECORD = 32


def reserve(layout: Layout, count: int, above: int = 0) -> range:
    """`count` numbers for the caller alone, durably reserved. Any number of processes may call this at once.

    `above`: all numbers are greater than this one; for a caller who knows of messages outside the queue files.

    :raises OSError: the counter cannot be read or made durable; no number may be used.
    """
    descriptor = os.open(layout.numbers, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        data = os.pread(descriptor, 2 * _RECORD, 0)
        records = [_parse(data[:_RECORD]), _parse(data[_RECORD:])]
        start = max(_after_loss(layout, bool(data)) if records == [0, 0] else max(records), above + 1)
        slot = 0 if records[0] <= records[1] else 1
        if os.pwrite(descriptor, _format(start + count), slot * _RECORD) != _RECORD:
            raise OSError("short write to " + layout.numbers)
        os.fsync(descriptor)
        if not data:
            _open_to_writers(descriptor, os.path.dirname(layout.numbers))
            durable.sync_directory(os.path.dirname(layout.numbers))
    finally:
        os.close(descriptor)
    return range(start, start + count)


def _open_to_writers(descriptor: int, directory: str) -> None:
    """Who may make files in queue/lock may count as well: in a queue that everybody may write to, everybody."""
    writers = os.stat(directory).st_mode & 0o022
    if writers:
        os.fchmod(descriptor, 0o600 | writers | writers << 1)


def highest(layout: Layout) -> int:
    """The greatest number that any file of the queue bears; 0 in an empty queue."""
    directories = [f"{layout.queue}/{name}" for name in ("intd", "todo", "bounce")]
    for name in ("mess", "info", *CHANNELS):
        top = f"{layout.queue}/{name}"
        directories += [entry.path for entry in _entries(top) if entry.is_dir()]
    return max((int(entry.name) for top in directories for entry in _entries(top) if entry.name.isdigit()), default=0)


def _entries(directory: str) -> list[os.DirEntry[str]]:
    """All entries; none when the directory is missing or not ours to read."""
    try:
        with os.scandir(directory) as entries:
            return list(entries)
    except (FileNotFoundError, PermissionError):
        return []


def _after_loss(layout: Layout, was_damaged: bool) -> int:
    """Where to begin without a counter: above everything in the queue, and well above if mail has been here before."""
    found = highest(layout)
    has_history = was_damaged or found >= FIRST or bool(_entries(layout.journal))
    return max(found, FIRST - 1) + 1 + (LEAP if has_history else 0)


def _format(number: int) -> bytes:
    digits = b"%020d" % number
    return b"%s %010d\n" % (digits, zlib.crc32(digits))


def _parse(record: bytes) -> int:
    """The number in a record; 0 if it is torn or empty."""
    digits = record[:20]
    valid = len(record) == _RECORD and digits.isdigit() and record == _format(int(digits))
    return int(digits) if valid else 0
