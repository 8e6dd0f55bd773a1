"""File locks, as the programs that share our files take them.

A mailbox file is locked by flock, as qmail does, and also by fcntl, as most mbox readers on Linux do (Dovecot, mutt,
procmail, Qpopper): only both together keep everybody out. Over NFS and other networks flock is itself made of an fcntl
lock and the two would wait for each other, so there flock alone is taken. No dot-lock files are made: a mail directory
that only root may write does not allow them.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time

from qmtwist.mail.shapes import Callable

# File systems without a device of their own (major number 0) on which flock and fcntl are independent.
_LOCAL = frozenset((b"btrfs", b"tmpfs", b"ramfs", b"overlay", b"zfs", b"bcachefs", b"ubifs"))
_BUSY = (errno.EAGAIN, errno.EACCES)
_PAUSE_S = 0.05


class Locked(Exception):
    """Somebody else held the lock for all the time we would wait."""


def lock_mailbox(
    descriptor: int,
    limit_s: float,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> bool:
    """Lock an open mailbox file against all other writers and readers until it is closed.

    Whether it is locked: False means that this file system has no locks, and that truncating the file would be unsafe.

    :raises Locked: not within `limit_s` seconds.
    """
    deadline = clock() + limit_s
    has_flock = _wait_for(lambda: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB), deadline, clock, pause)
    if has_flock and not _is_local(_device(descriptor)):
        return True
    has_fcntl = _wait_for(lambda: fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB), deadline, clock, pause)
    return has_flock or has_fcntl


def is_current(descriptor: int, path: bytes) -> bool:
    """Whether the name still belongs to the file that was opened by it.

    A program that replaces a mailbox by a new file (maildir2mbox) does so under the old file's lock; who has waited
    for that lock must look again, or writes into a file that nobody will ever see.

    :raises OSError: that cannot be told.
    """
    try:
        named = os.stat(path)
    except FileNotFoundError:
        return False
    opened = os.fstat(descriptor)
    return (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)


def open_locked(path: bytes, flags: int, limit_s: float, mode: int = 0o600) -> int:
    """Open a mailbox file and lock it; the descriptor, whose closing unlocks it.

    :raises Locked: somebody else has had it for `limit_s` seconds.
    :raises OSError: it cannot be opened, or this file system has no locks (ENOLCK).
    """
    while True:
        descriptor = os.open(path, flags | os.O_CLOEXEC, mode)
        try:
            if not lock_mailbox(descriptor, limit_s):
                raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
            if is_current(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _wait_for(
    take: Callable[[], object], deadline: float, clock: Callable[[], float], pause: Callable[[float], None]
) -> bool:
    """Take a lock that may be busy; False when there is no such lock here."""
    while True:
        try:
            take()
        except OSError as error:
            if error.errno not in _BUSY:
                return False
        else:
            return True
        if clock() >= deadline:
            raise Locked
        pause(_PAUSE_S)


def _device(descriptor: int) -> int:
    """The device number of a file's file system; 0, which no file system has, when it cannot be told."""
    try:
        return os.fstat(descriptor).st_dev
    except OSError:
        return 0


def _is_local(device: int) -> bool:
    """Whether flock and fcntl locks are two different things on this file system."""
    if os.major(device):
        return True
    wanted = b"%d:%d" % (os.major(device), os.minor(device))
    try:
        with open("/proc/self/mountinfo", "rb") as stream:
            for line in stream:
                words = line.split()
                if words[2] == wanted:
                    return words[words.index(b"-") + 1] in _LOCAL
    except (OSError, ValueError, IndexError):
        pass
    return False
