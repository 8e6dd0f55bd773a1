"""A worker's end of the UNIX socket to the daemon: frames, many at a time, and descriptors with some of them."""

from __future__ import annotations

import socket
from array import array

from qmtwist.mail.shapes import deque
from qmtwist.wire.spawn import Frame, FrameReader

_READ_BYTES = 1 << 18
_FRAMES_AT_ONCE = 256  # a batch is not made larger than this on purpose, as all of it waits for its sync
_ATTACHED_BYTES = socket.CMSG_SPACE(253 * 4)  # the kernel passes no more descriptors in one message
_FLAGS = socket.MSG_CMSG_CLOEXEC | socket.MSG_DONTWAIT


class Channel:
    """Reads without waiting, writes with waiting. Descriptors belong to the frames that announce them, in order."""

    def __init__(self, descriptor: int) -> None:
        """Takes the descriptor over."""
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(True)
        self._socket.set_inheritable(False)
        self._reader = FrameReader()
        # None: the kernel had no room for it among ours (EMFILE). Its place is kept, or every later frame would get the
        # descriptor of another. One message of the kernel's never holds more than one of them: they are sent singly.
        self._descriptors: deque[int | None] = deque()

    def fileno(self) -> int:
        """For poll."""
        return self._socket.fileno()

    def receive(self) -> list[Frame] | None:
        """All frames that are there; None at the end of the channel.

        :raises Malformed: a frame that cannot be.
        """
        frames: list[Frame] = []
        while len(frames) < _FRAMES_AT_ONCE:
            try:
                # not socket.recv_fds: up to Python 3.11 it forgets the flags
                data, attached, flags, _ = self._socket.recvmsg(_READ_BYTES, _ATTACHED_BYTES, _FLAGS)
            except BlockingIOError:
                break
            except ConnectionResetError:
                data, attached, flags = b"", [], 0
            for _, _, packed in attached:
                self._descriptors.extend(array("i", packed[: len(packed) // 4 * 4]))
            if flags & socket.MSG_CTRUNC:
                self._descriptors.append(None)
            if not data:
                return frames or None
            frames += self._reader.receive(data)
        return frames

    def take_descriptor(self) -> int | None:
        """The descriptor of the frame in hand, which the caller closes; None: none came, or we had no room for it."""
        return self._descriptors.popleft() if self._descriptors else None

    def send(self, data: bytes, descriptor: int | None = None) -> None:
        """Write whole frames. When the daemon is gone nobody wants them.

        :raises OSError: other trouble than the daemon's absence.
        """
        try:
            if descriptor is not None:
                data = data[socket.send_fds(self._socket, [data], [descriptor]) :]
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return
