"""The daemon's end of a UNIX socket to an agent: frames (wire/spawn) both ways, and descriptors with them."""

from __future__ import annotations

import contextlib
import os
import socket
from array import array
from collections import deque
from collections.abc import Callable, Sequence

from twisted.internet import interfaces
from twisted.internet.interfaces import IReactorFDSet, IReactorProcess, IReactorTime
from twisted.python.failure import Failure
from zope.interface import implementer

from qmtwist.mail.errors import Malformed
from qmtwist.wire.spawn import Frame, FrameReader

_READ_BYTES = 262144
_ATTACHED_BYTES = socket.CMSG_SPACE(253 * 4)  # the kernel passes no more descriptors in one message
_JOIN_BYTES = 65536


class IAgentReactor(IReactorFDSet, IReactorProcess, IReactorTime):
    """What a service that runs an agent needs of the reactor."""


@implementer(interfaces.IReadWriteDescriptor, interfaces.ILoggingContext)
class FdChannel:
    """Made by the service of an agent for each life of the agent; ends with `on_lost`, which is called once.

    `on_frame` gets each frame. Descriptors that came are taken in order, by whoever handles the frame that announces
    one. What is sent waits in memory while the agent does not read: the queue manager bounds it by its concurrency.
    With `on_end` the end of what the other side sends is not yet the end: it is told so, and what we send still goes
    out, until `finish` or `close`.
    """

    def __init__(
        self,
        reactor: IReactorFDSet,
        connection: socket.socket,
        on_frame: Callable[[Frame], None],
        on_lost: Callable[[], None],
        on_end: Callable[[], None] | None = None,
    ) -> None:
        connection.setblocking(False)
        self._reactor = reactor
        self._socket = connection
        self._on_frame = on_frame
        self._on_lost = on_lost
        self._on_end = on_end
        self._reader = FrameReader()
        self._received: deque[int | None] = deque()  # None keeps the place of one that was lost
        self._unsent: deque[tuple[memoryview, tuple[int, ...]]] = deque()
        self._is_finishing = False
        self._has_ended = False
        self.is_open = True
        reactor.addReader(self)

    def send(self, data: bytes, descriptors: Sequence[int] = ()) -> None:
        """Send a frame, with descriptors, which are closed once they are on their way or can never be."""
        if not self.is_open or self._is_finishing:
            _close_all(descriptors)
            return
        self._unsent.append((memoryview(data), tuple(descriptors)))
        if len(self._unsent) == 1:
            self._reactor.addWriter(self)

    def take_descriptor(self) -> int | None:
        """The descriptor that belongs to the frame in hand, which the caller closes; None: we had no room for it.

        :raises Malformed: none was passed.
        """
        if not self._received:
            raise Malformed("a frame without its descriptor")
        return self._received.popleft()

    def finish(self) -> None:
        """Send no more: the agent sees the end when it has read what was sent. Its last frames still come."""
        self._is_finishing = True
        self._finish_if_sent()

    def close(self) -> None:
        """The end, whoever caused it; a second call does nothing."""
        if not self.is_open:
            return
        self.is_open = False
        self._reactor.removeReader(self)
        self._reactor.removeWriter(self)
        self._socket.close()
        _close_all(self._received)
        for _, descriptors in self._unsent:
            _close_all(descriptors)
        self._received.clear()
        self._unsent.clear()
        self._on_lost()

    # -- called by the reactor

    def fileno(self) -> int:
        """For the reactor."""
        return self._socket.fileno()

    def logPrefix(self) -> str:
        """For the reactor."""
        return "fdchannel"

    def doRead(self) -> None:
        """Take what has come; the end of the connection is our own affair, not the reactor's."""
        try:
            self._take_some()
        except (BlockingIOError, InterruptedError):
            return
        except EOFError:
            self._ended()
        except (OSError, Malformed):
            self.close()

    def drain(self) -> None:
        """Take all that has come, when the agent is known to be gone; then hang up."""
        with contextlib.suppress(OSError, EOFError, Malformed):
            while self.is_open:
                self._take_some()
        self.close()

    def _ended(self) -> None:
        if self._on_end is None:
            self.close()
        else:
            self._has_ended = True
            self._reactor.removeReader(self)
            self._on_end()

    def _take_some(self) -> None:
        # not socket.recv_fds: up to Python 3.11 it forgets the flags
        data, attached, told, _ = self._socket.recvmsg(_READ_BYTES, _ATTACHED_BYTES, socket.MSG_CMSG_CLOEXEC)
        for _, _, packed in attached:
            self._received.extend(array("i", packed[: len(packed) // 4 * 4]))
        if told & socket.MSG_CTRUNC:  # EMFILE; agents send them singly, so that it was one
            self._received.append(None)
        if not data:
            raise EOFError
        for frame in self._reader.receive(data):
            self._on_frame(frame)
            if not self.is_open:
                return

    def doWrite(self) -> None:
        """Send what waits."""
        while self._unsent:
            try:
                self._drop(self._send_some())
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self.close()
                return
        self._reactor.removeWriter(self)
        self._finish_if_sent()

    def connectionLost(self, reason: Failure) -> None:
        """The reactor has found the connection broken."""
        self.close()

    def _send_some(self) -> int:
        """One system call: the first piece with its descriptors, or as many pieces as have none."""
        view, descriptors = self._unsent[0]
        if descriptors:
            return socket.send_fds(self._socket, [view], list(descriptors))
        pieces: list[memoryview] = []
        size = 0
        for piece, attached in self._unsent:
            if attached or size >= _JOIN_BYTES or len(pieces) == 64:
                break
            pieces.append(piece)
            size += len(piece)
        return self._socket.sendmsg(pieces)

    def _drop(self, sent: int) -> None:
        while sent:
            view, descriptors = self._unsent.popleft()
            _close_all(descriptors)  # the kernel passed them with the first byte
            if sent < len(view):
                self._unsent.appendleft((view[sent:], ()))
                return
            sent -= len(view)

    def _finish_if_sent(self) -> None:
        if self._is_finishing and self.is_open and not self._unsent:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)
            if self._has_ended:
                self.close()


def _close_all(descriptors: Sequence[int] | deque[int | None]) -> None:
    for descriptor in descriptors:
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(descriptor)
