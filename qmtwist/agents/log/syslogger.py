"""The socket of the system log."""

from __future__ import annotations

import socket
import time

from qmtwist.logbook import syslog

SOCKET = "/dev/log"


class SystemLog:
    """Sends entries; while there is no log they are counted, and the count is told when there is one again."""

    def __init__(self, tag: bytes, facility: int, path: str = SOCKET) -> None:
        self._tag, self._facility, self._path = tag, facility, path
        self._socket: socket.socket | None = None
        self._lost = 0

    def send(self, entry: syslog.Entry) -> None:
        """One entry; it waits for a log that is there but busy."""
        if self._lost:
            text = b"warning: %d entries lost while there was no system log" % self._lost
            if not self._try(syslog.Entry(syslog.WARNING, text)):
                self._lost += 1
                return
            self._lost = 0
        self._lost += not self._try(entry)

    def _try(self, entry: syslog.Entry) -> bool:
        when = time.strftime("%b %e %H:%M:%S").encode()
        data = syslog.packet(self._facility, entry, self._tag, when)
        for _ in range(2):  # again, for the log may have been restarted
            try:
                self._connect().send(data)
            except OSError:
                self.close()
            else:
                return True
        return False

    def _connect(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.connect(self._path)
        return self._socket

    def close(self) -> None:
        """Let the socket go; the next entry opens it again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
