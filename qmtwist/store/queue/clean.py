"""S5 to S1, and what crashes left behind. (qmail-send CLEANUPS; qmail-clean)"""

from __future__ import annotations

import os

from qmtwist.mail.shapes import Iterator
from qmtwist.store import durable

from .layout import SPLIT, Layout

OSSIFIED_S = 129_600
"""36 hours: longer than the 24 that a qmail-queue lives, so the writer of an older file is dead."""


def remove(layout: Layout, number: int) -> None:
    """Remove an S2, S3 or finished message: intd, then mess. What is already gone is no error.

    In this order a cut in between leaves an S2, which `leftovers` finds again.

    :raises OSError: a file cannot be removed.
    """
    durable.unlink_quietly(layout.intd(number))
    durable.unlink_quietly(layout.mess(number))


def remove_todo(layout: Layout, number: int) -> None:
    """S4 to S5: remove intd, then todo; the message is preprocessed from here on.

    :raises OSError: a file cannot be removed.
    """
    durable.unlink_quietly(layout.intd(number))
    durable.unlink_quietly(layout.todo(number))


def leftovers(layout: Layout, now: float) -> Iterator[int]:
    """Numbers in mess/ whose writers died: not read for 36 hours, and in neither info/ nor todo/.

    `now` is in POSIX seconds. What cannot be looked at is not a leftover.
    """
    for part in range(SPLIT):
        for number in _aged_numbers(f"{layout.queue}/mess/{part}", now):
            if number % SPLIT == part and not _exists(layout.info(number)) and not _exists(layout.todo(number)):
                yield number


def staged_leftovers(layout: Layout, now: float) -> Iterator[str]:
    """Paths of files in pid/ that were staged more than 36 hours ago."""
    for entry in _scan(layout.pid):
        if not entry.name.startswith(".") and _is_aged(entry, now):
            yield entry.path


def remove_staged(layout: Layout, now: float) -> None:
    """Remove the leftovers in pid/; what cannot be removed stays for the next time."""
    for path in list(staged_leftovers(layout, now)):
        try:
            os.unlink(path)
        except OSError:
            continue


def _aged_numbers(directory: str, now: float) -> Iterator[int]:
    for entry in _scan(directory):
        name = entry.name
        if name.isascii() and name.isdigit() and str(int(name)) == name and _is_aged(entry, now):
            yield int(name)


def _is_aged(entry: os.DirEntry[str], now: float) -> bool:
    """By access time, which every mount keeps no older than the creation."""
    try:
        return entry.stat(follow_symlinks=False).st_atime + OSSIFIED_S < now
    except OSError:
        return False


def _exists(path: str) -> bool:
    """Whether a file is there; when that cannot be told, it is taken to be there."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def _scan(directory: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return list(entries)
    except OSError:
        return []
