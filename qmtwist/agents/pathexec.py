"""Become another program, found along PATH. (djb pathexec)"""

from __future__ import annotations

import errno
import os

from qmtwist.mail.shapes import Callable, Mapping
from qmtwist.store.signals import signal

DEFAULT_PATH = b"/bin:/usr/bin"
SHELL = b"/bin/sh"
# Python ignores these; a program must not inherit that
IGNORED = (signal.SIGPIPE, signal.SIGXFSZ)
_SEARCH_ON = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR)


def candidates(program: bytes, environ: Mapping[bytes, bytes] = os.environb) -> list[bytes]:
    """Where a program may be: itself if it has a slash, else in each directory of PATH, this process's unless given.

    >>> candidates(b"./prog")
    [b'./prog']
    """
    if b"/" in program:
        return [program]
    path = environ.get(b"PATH", DEFAULT_PATH)
    return [(directory or b".") + b"/" + program for directory in path.split(b":")]


def become(command: list[bytes], environ: Mapping[bytes, bytes] | None = None, program: bytes | None = None) -> OSError:
    """Run a program with its arguments in place of this process. Coming back, it tells why that cannot be.

    `environ` is the new environment; None keeps this process's. `program` is what to run if it is not `command[0]`.
    """
    places, environ = candidates(program or command[0]), dict(os.environb if environ is None else environ)
    for number in IGNORED:
        signal.signal(number, signal.SIG_DFL)
    try:
        _first(places, lambda place: os.execve(place, command, environ))
    except OSError as error:
        return error
    raise AssertionError("exec came back")


def spawn(command: list[bytes], stdin: int = 0) -> int:
    """Start a program found along PATH as a child with this descriptor 0; its process id. (execvp)

    What the system does not know for a program is read by /bin/sh, like a script without its first line.

    :raises OSError: it cannot be run.
    """
    signal.signal(
        signal.SIGCHLD, signal.SIG_DFL
    )  # ignored, as somebody may have left it, it would hide how a child ends
    actions = [(os.POSIX_SPAWN_DUP2, stdin, 0)] if stdin else []

    def start(place: bytes, words: list[bytes]) -> int:
        return os.posix_spawn(place, words, os.environb, file_actions=actions, setsigdef=IGNORED)

    def attempt(place: bytes) -> int:
        try:
            return start(place, command)
        except OSError as error:
            if error.errno != errno.ENOEXEC:
                raise
            return start(SHELL, [SHELL, place, *command[1:]])

    return _first(candidates(command[0]), attempt)


def _first(places: list[bytes], attempt: Callable[[bytes], int]) -> int:
    """What the attempt gives at the first place where the program is.

    :raises OSError: it is nowhere, or cannot be run where it is.
    """
    found = OSError(errno.ENOENT, "")
    for place in places:
        try:
            return attempt(place)
        except OSError as error:
            if error.errno not in _SEARCH_ON:
                raise
            if error.errno != errno.ENOENT:
                found = error
    raise found
