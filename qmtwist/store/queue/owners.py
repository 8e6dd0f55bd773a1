"""Who owns the queue: qmail splits it between qmailq and qmails; we run as qmailq alone.

At start (still root) what belongs to qmails becomes qmailq's, and at the end it is given back, so that qmail itself
finds its queue as it was. Only plain files and directories of the expected owner are touched, through descriptors that
follow no symbolic link, and no file that has another name elsewhere.
"""

from __future__ import annotations

import os
import stat

from qmtwist.mail.shapes import Iterator

from .layout import SPLIT

_DIRECTORIES = ("bounce", "info", "local", "remote")
_LOCKS = ("sendmutex", "trigger")


def hand_over(queue: str, from_uid: int, to_uid: int) -> int:
    """Give what `from_uid` owns of qmail-send's part to `to_uid`; how many files and directories changed hands.

    Must be called as root.

    :raises OSError: a directory cannot be read.
    """
    changed = 0
    for directory in _places(queue):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            changed += _hand_over_entries(descriptor, from_uid, to_uid)
            changed += _change(descriptor, from_uid, to_uid)
        finally:
            os.close(descriptor)
    for name in _LOCKS:
        changed += _hand_over_lock(f"{queue}/lock/{name}", from_uid, to_uid)
    return changed


def _places(queue: str) -> Iterator[str]:
    for name in _DIRECTORIES:
        if name != "bounce":
            yield from (f"{queue}/{name}/{part}" for part in range(SPLIT))
        yield f"{queue}/{name}"


def _hand_over_entries(directory: int, from_uid: int, to_uid: int) -> int:
    changed = 0
    for name in os.listdir(directory):
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
        except OSError:
            continue
        try:
            changed += _change(descriptor, from_uid, to_uid)
        finally:
            os.close(descriptor)
    return changed


def _hand_over_lock(path: str, from_uid: int, to_uid: int) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        return _change(descriptor, from_uid, to_uid)
    finally:
        os.close(descriptor)


def _change(descriptor: int, from_uid: int, to_uid: int) -> int:
    status = os.fstat(descriptor)
    is_plain = stat.S_ISDIR(status.st_mode) or (
        (stat.S_ISREG(status.st_mode) or stat.S_ISFIFO(status.st_mode)) and status.st_nlink == 1
    )
    if status.st_uid != from_uid or not is_plain:
        return 0
    os.fchown(descriptor, to_uid, -1)
    return 1
