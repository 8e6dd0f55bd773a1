"""Programs run side by side, each with a message on descriptor 0 and a pipe for what it says on 1 and 2."""

from __future__ import annotations

import os
import select

from qmtwist.mail.errors import suppress
from qmtwist.mail.shapes import Callable, Mapping
from qmtwist.store.signals import signal

KEEP_BYTES = 1 << 20
"""How much a program may say; the rest is read and dropped."""

Ended = Callable[[int, int, bytes], None]
"""Called with the key, the wait status (see `os.waitstatus_to_exitcode`) and the output."""


class _Child:
    def __init__(self, key: int, pid: int, pipe: int) -> None:
        self.key, self.pid, self.pipe = key, pid, pipe
        self.output = bytearray()


class Children:
    """All running children of one agent; made once in a process, as it takes SIGCHLD for itself.

    A child counts as ended when its process has: what it left in the pipe is read, but a grandchild that holds the
    pipe open delays nothing.
    """

    def __init__(self, ended: Ended) -> None:
        self._ended = ended
        self._by_pipe: dict[int, _Child] = {}
        self._alarm, wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._alarm, select.POLLIN)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)

    def __len__(self) -> int:
        return len(self._by_pipe)

    @property
    def keys(self) -> set[int]:
        """The keys in use."""
        return {child.key for child in self._by_pipe.values()}

    def start(self, key: int, words: list[bytes], environment: Mapping[bytes, bytes], message: int) -> None:
        """Run a program (`words[0]` is its path); `message` stays the caller's to close.

        :raises OSError: no pipe, or the program cannot be run.
        """
        pipe, far = os.pipe2(os.O_CLOEXEC)
        try:
            os.set_blocking(pipe, False)
            actions = [(os.POSIX_SPAWN_DUP2, message, 0), (os.POSIX_SPAWN_DUP2, far, 1), (os.POSIX_SPAWN_DUP2, far, 2)]
            # Python ignores these two; a program run by us expects to find them as they are by default.
            usual = [signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD]
            pid = os.posix_spawn(words[0], words, environment, file_actions=actions, setsigdef=usual)
        except OSError:
            os.close(pipe)
            raise
        finally:
            os.close(far)
        self._by_pipe[pipe] = _Child(key, pid, pipe)
        self._poll.register(pipe, select.POLLIN)

    def wait(self, *others: int) -> set[int]:
        """Wait until a child said something or ended, or one of `others` is readable; those of `others` that are."""
        for other in others:
            self._poll.register(other, select.POLLIN)
        ready = {descriptor for descriptor, _ in self._poll.poll()}
        for other in others:
            self._poll.unregister(other)
        if self._alarm in ready:
            os.read(self._alarm, 4096)
        for pipe in ready & self._by_pipe.keys():
            self._listen(self._by_pipe[pipe])
        if self._alarm in ready:
            self._reap()
        return ready.intersection(others)

    def _listen(self, child: _Child) -> None:
        try:
            while data := os.read(child.pipe, 65536):
                child.output += data[: max(0, KEEP_BYTES - len(child.output))]
        except BlockingIOError:
            return
        # The end of what it says; its process may go on, and its end is told by SIGCHLD.
        self._stop_listening(child)

    def _stop_listening(self, child: _Child) -> None:
        with suppress(KeyError):  # twice: at the end of its output and at its own
            self._poll.unregister(child.pipe)

    def _reap(self) -> None:
        for child in list(self._by_pipe.values()):
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if pid:
                self._finish(child, status)

    def _finish(self, child: _Child, status: int) -> None:
        self._listen(child)
        self._stop_listening(child)
        del self._by_pipe[child.pipe]
        os.close(child.pipe)
        self._ended(child.key, status, bytes(child.output))
