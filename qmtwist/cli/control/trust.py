"""Who can reach a file, and who could change what it is: every directory on the way counts."""

from __future__ import annotations

import errno
import os
import stat

MAX_LINKS = 40


def steps(path: str) -> list[str]:
    """Every directory that opening `path` goes through, and the file itself; symbolic links are followed.

    >>> steps("/usr/..")
    ['/', '/usr', '/']

    :raises OSError: a step is missing, or links lead in a circle.
    """
    walked, at, links = ["/"], "/", 0
    ahead = [name for name in reversed(os.path.join(os.getcwd(), path).split("/")) if name]
    while ahead:
        name = ahead.pop()
        if name in (".", ".."):
            if name == "..":
                at = os.path.dirname(at)
                walked.append(at)
            continue
        here = os.path.join(at, name)
        if not stat.S_ISLNK(os.lstat(here).st_mode):
            walked.append(here)
            at = here
            continue
        links += 1
        if links > MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        target = os.readlink(here)
        if target.startswith("/"):
            at = "/"
        ahead += [part for part in reversed(target.split("/")) if part]
    return walked


def closed_step(path: str) -> str | None:
    """The first step on the way to `path` that not everybody may take; None if everybody can read (and search) it."""
    try:
        way = steps(path)
    except OSError as trouble:
        return f"{trouble.filename}"
    for step in way:
        mode = os.stat(step).st_mode
        wanted = 0o001 if stat.S_ISDIR(mode) else 0o004
        if step == way[-1] and stat.S_ISDIR(mode):
            wanted = 0o005
        if mode & wanted != wanted:
            return step
    return None


def changeable_step(path: str) -> str | None:
    """Why somebody but root could put something else in the place of `path`; None if nobody can."""
    try:
        for step in steps(path):
            if reason := changeable(step):
                return reason
    except OSError as trouble:
        return f"{trouble.filename}: {trouble.strerror}"
    return None


def changeable(path: str) -> str | None:
    """Why somebody but root can change this one file or directory; None if nobody can."""
    status = os.stat(path)
    is_sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
    if status.st_uid != 0:
        return f"{path} belongs to uid {status.st_uid}"
    if status.st_mode & 0o022 and not is_sticky:
        return f"{path} can be written by others than its owner"
    return None


def changeable_below(directory: str) -> str | None:
    """The same for a directory and all that is in it."""
    for place, _, names in os.walk(directory):
        for name in (".", *names):
            path = place if name == "." else os.path.join(place, name)
            if reason := changeable_step(path) if os.path.islink(path) else changeable(path):
                return reason
    return changeable_step(directory)
