"""Makes a maildir, whole or not at all. (maildirmake(1))"""

from __future__ import annotations

import os

from qmtwist.mail.errors import suppress
from qmtwist.mail.shapes import NamedTuple

from .refusal import Refused, refusing

_PARTS = (b"tmp", b"new", b"cur")
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Owner(NamedTuple):
    """Whose the maildir is to be."""

    uid: int
    gid: int


def owner_of(directory: bytes) -> Owner:
    """Whose a directory is.

    :raises Refused: there is none.
    """
    with refusing(b"unable to open " + directory):
        status = os.stat(directory)
    return Owner(status.st_uid, status.st_gid)


def make_maildir(name: bytes, owner: Owner | None = None, is_folder: bool = False) -> None:
    """Make the directory and its three parts, all 0700, durable as far as the directory above lets us.

    `owner` None: the caller's. `is_folder`: with the file `maildirfolder` in it, which tells Maildir++ programs that
    it is no mailbox of its own.
    :raises Refused: nothing is left of it.
    """
    _mkdir(name, name, None)
    made: list[bytes] = []
    try:
        with refusing(b"unable to open " + name):
            directory = os.open(name, _DIRECTORY)
        try:
            if os.fstat(directory).st_uid != os.geteuid():  # somebody who may write here has put another in its place
                raise Refused(b"%s is not the directory that was made" % name)
            for part in _PARTS:
                _mkdir(name + b"/" + part, part, directory)
                made.append(part)
            with refusing(b"unable to finish " + name):
                _finish(directory, owner, is_folder)
        except BaseException:
            _unmake(directory, made)
            raise
        finally:
            os.close(directory)
    except BaseException:
        with suppress(OSError):
            os.rmdir(name)
        raise
    with suppress(OSError):  # it may be closed to us for reading
        _sync(os.path.dirname(name.rstrip(b"/")) or b".")


def _mkdir(shown: bytes, name: bytes, directory: int | None) -> None:
    with refusing(b"unable to mkdir " + shown):
        os.mkdir(name, 0o700, dir_fd=directory)


def _finish(directory: int, owner: Owner | None, is_folder: bool) -> None:
    """By descriptors: in another user's home a name may mean something else in the next moment."""
    if is_folder:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(b"maildirfolder", flags, 0o600, dir_fd=directory)
        try:
            if owner is not None:
                os.fchown(file, *owner)
        finally:
            os.close(file)
    if owner is not None:
        for part in _PARTS:
            opened = os.open(part, _DIRECTORY, dir_fd=directory)
            try:
                os.fchown(opened, *owner)
            finally:
                os.close(opened)
        os.fchown(directory, *owner)
    os.fsync(directory)


def _unmake(directory: int, made: list[bytes]) -> None:
    with suppress(OSError):
        os.unlink(b"maildirfolder", dir_fd=directory)
    for part in made:
        with suppress(OSError):
            os.rmdir(part, dir_fd=directory)


def _sync(directory: bytes) -> None:
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
