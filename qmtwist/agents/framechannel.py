"""An agent's end of the UNIX socket on which the daemon speaks frames (wire/spawn) and passes descriptors."""

from __future__ import annotations

import socket
from collections import deque

from qmtwist.mail.errors import Malformed
from qmtwist.wire.spawn import Frame, FrameReader

_DESCRIPTORS_AT_ONCE = 250  # the kernel passes no more than 253 in one message


class FrameChannel:
    """Frames in and out; blocking. Descriptors are matched to the frames that announce them by their order."""

    def __init__(self, descriptor: int) -> None:
        """Takes the descriptor over."""
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(True)
        self._socket.set_inheritable(False)
        self._reader = FrameReader()
        self._descriptors: deque[int] = deque()

    def fileno(self) -> int:
        """For select."""
        return self._socket.fileno()

    def send(self, data: bytes) -> None:
        """Write a whole frame; when the daemon is gone nobody wants it.

        :raises OSError: other trouble than the daemon's absence.
        """
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return

    def receive(self) -> list[Frame] | None:
        """Wait for bytes; the frames that are complete now, or None at the end.

        :raises Malformed: a frame that cannot be.
        """
        try:
            data, descriptors, _, _ = socket.recv_fds(
                self._socket, 262144, _DESCRIPTORS_AT_ONCE, socket.MSG_CMSG_CLOEXEC
            )
        except ConnectionResetError:
            return None
        self._descriptors.extend(descriptors)
        return list(self._reader.receive(data)) if data else None

    def take_descriptor(self) -> int:
        """The descriptor that belongs to the frame in hand; the caller closes it.

        :raises Malformed: none was passed.
        """
        if not self._descriptors:
            raise Malformed("an order without its message")
        return self._descriptors.popleft()
