"""Find the running server and send it a signal, such as ALRM: try all mail now. (qmail-send(8))

Which process that is the kernel tells, by who listens at the socket for local mail.
"""

from __future__ import annotations

import _socket
import errno
import os
import struct

from qmtwist.store.signals import signal
from qmtwist.wire.injection import SOCKETS

CONNECT_S = 10.0
_CREDENTIALS = "3i"  # pid, uid, gid


class NotAllowed(Exception):
    """The server is somebody else's."""


def hurry(home: str) -> None:
    """Make all mail of the server of this home due.

    :raises NotAllowed: it runs, or seems to, as another user.
    :raises OSError: nobody listens.
    """
    tell(home, signal.SIGALRM)


def tell(home: str, number: int) -> int:
    """Send the server of this home a signal (0: none, but ask whether we might); its process id.

    :raises NotAllowed: it runs, or seems to, as another user.
    :raises OSError: nobody listens.
    """
    trouble = OSError(errno.ENOENT, "no server")
    for path in [f"{home}/{place}" for place in SOCKETS]:
        try:
            pid = _listener(path)
            os.kill(pid, number)
            return pid
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM):
                raise NotAllowed from error
            trouble = error
    raise trouble


def _listener(path: str) -> int:
    """The process that listens at a socket.

    :raises OSError: none, or one that cannot be told.
    """
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    try:
        connection.settimeout(CONNECT_S)
        connection.connect(path)
        size = struct.calcsize(_CREDENTIALS)
        pid = int(struct.unpack(_CREDENTIALS, connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, size))[0])
    finally:
        connection.close()
    if pid <= 0:  # it is outside our view of processes, and 0 would mean ourselves
        raise OSError(errno.ESRCH, "no such process")
    return pid
