"""Become another program, found along PATH. (djb pathexec)"""

from __future__ import annotations

import errno
import os

from qmtwist.mail.shapes import Mapping
from qmtwist.store.signals import signal

DEFAULT_PATH = b"/bin:/usr/bin"
# Python ignores these; a program must not inherit that
IGNORED = (signal.SIGPIPE, signal.SIGXFSZ)
_SEARCH_ON = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR)


def candidates(program: bytes) -> list[bytes]:
    """Where a program may be: itself if it has a slash, else in each directory of this process's PATH.

    >>> candidates(b"./prog")
    [b'./prog']
    """
    if b"/" in program:
        return [program]
    path = os.environb.get(b"PATH", DEFAULT_PATH)
    return [(directory or b".") + b"/" + program for directory in path.split(b":")]


def become(command: list[bytes], environ: Mapping[bytes, bytes] | None = None, program: bytes | None = None) -> OSError:
    """Run a program with its arguments in place of this process. Coming back, it tells why that cannot be.

    `environ` is the new environment; None keeps this process's. `program` is what to run if it is not `command[0]`.
    """
    places, environ = candidates(program or command[0]), dict(os.environb if environ is None else environ)
    for number in IGNORED:
        signal.signal(number, signal.SIG_DFL)
    found = OSError(errno.ENOENT, "")
    for place in places:
        try:
            os.execve(place, command, environ)
        except OSError as error:
            if error.errno not in _SEARCH_ON:
                return error
            if error.errno != errno.ENOENT:
                found = error
    return found
