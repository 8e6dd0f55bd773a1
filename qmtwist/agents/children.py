"""Children side by side, each with a message on descriptor 0 and a pipe for what it says on 1 and 2.

`Children` are programs; `forked.Forked` are forks of this process.
"""

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


class Child:
    """One that runs. `keep_bytes` of what it says are kept; at `deadline`, if it has one, it is sent `last_word`."""

    def __init__(
        self, key: int, pid: int, pipe: int, keep_bytes: int = KEEP_BYTES, deadline: float | None = None
    ) -> None:
        self.key, self.pid, self.pipe = key, pid, pipe
        self.keep_bytes, self.deadline = keep_bytes, deadline
        self.last_word = signal.SIGTERM
        self.output = bytearray()


class Brood:
    """All running children of one agent; made once in a process, as it takes SIGCHLD for itself.

    A child has ended when its process has: what it left in the pipe is read, but a grandchild that holds the pipe open
    delays nothing.
    """

    def __init__(self, ended: Ended) -> None:
        """`ended` is called from `wait`."""
        self._ended = ended
        self._by_pipe: dict[int, Child] = {}
        self._alarm, self._wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._alarm, select.POLLIN)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)

    def __len__(self) -> int:
        return len(self._by_pipe)

    @property
    def keys(self) -> set[int]:
        """The keys in use."""
        return {child.key for child in self._by_pipe.values()}

    def _adopt(self, child: Child) -> None:
        self._by_pipe[child.pipe] = child
        self._poll.register(child.pipe, select.POLLIN)

    def _attend(self, ready: set[int]) -> set[int]:
        """Hear those of our descriptors that are readable, and note who has ended; the descriptors of others."""
        for pipe in ready & self._by_pipe.keys():
            ready.remove(pipe)
            self._listen(self._by_pipe[pipe])
        if self._alarm in ready:
            ready.remove(self._alarm)
            with suppress(BlockingIOError):
                os.read(self._alarm, 4096)
            self._reap()
        return ready

    def _listen(self, child: Child) -> None:
        try:
            while data := os.read(child.pipe, 65536):
                child.output += data[: max(0, child.keep_bytes - len(child.output))]
        except BlockingIOError:
            return
        # The end of what it says; its process may go on, and its end is told by SIGCHLD.
        self._stop_listening(child)

    def _stop_listening(self, child: Child) -> None:
        with suppress(KeyError):  # twice: at the end of its output and at its own
            self._poll.unregister(child.pipe)

    def _reap(self) -> None:
        for child in list(self._by_pipe.values()):
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if pid:
                self._finish(child, status)

    def _finish(self, child: Child, status: int) -> None:
        self._listen(child)
        self._stop_listening(child)
        del self._by_pipe[child.pipe]
        os.close(child.pipe)
        self._ended(child.key, status, bytes(child.output))


class Children(Brood):
    """Programs."""

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
        self._adopt(Child(key, pid, pipe))

    def wait(self, *others: int) -> set[int]:
        """Wait until a child said something or ended, or one of `others` is readable; those of `others` that are."""
        for other in others:
            self._poll.register(other, select.POLLIN)
        ready = {descriptor for descriptor, _ in self._poll.poll()}
        for other in others:
            self._poll.unregister(other)
        return self._attend(ready)
