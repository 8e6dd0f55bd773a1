"""multilog: lines from standard input through a script into log directories. (djb multilog)"""

from __future__ import annotations

import os
import select
import time

from qmtwist.logbook import selection, tai64
from qmtwist.logbook.selection import LINE_BYTES, Script
from qmtwist.mail.errors import suppress
from qmtwist.mail.shapes import NoReturn
from qmtwist.store import durable
from qmtwist.store.logdir import MARGIN_BYTES, LogDirectory, Patience, StatusFile
from qmtwist.store.signals import signal

_READ_BYTES = 65536
_SLICE_BYTES = 1024  # what the original reads at a time, and writes before it reads again


class Destinations:
    """All places that a script writes to, and the line that is on its way there."""

    def __init__(self, script: Script, patience: Patience, margin: int = MARGIN_BYTES) -> None:
        """:raises CannotOpen: one of them cannot be opened."""
        self._is_stamped = script.is_stamped
        statuses = [StatusFile(word, patience) for kind, word, _ in script.actions if kind == b"="]
        self.logs: list[LogDirectory] = []
        self._statuses = list(statuses)
        self._actions: list[tuple[bytes, bytes, LogDirectory | StatusFile | None]] = []
        for kind, word, rotation in script.actions:
            place: LogDirectory | StatusFile | None = None
            if kind == b"/":
                place = LogDirectory(word, rotation, process, patience, margin)
                self.logs.append(place)
            elif kind == b"=":
                place = statuses.pop(0)
            self._actions.append((kind, word, place))
        self._line = bytearray()
        self._is_inside = False
        self._chosen: list[LogDirectory] | None = None  # where the rest of a long line goes

    def receive(self, data: bytes) -> None:
        """The next bytes of input."""
        for at in range(0, len(data), _SLICE_BYTES):
            self._receive_slice(data[at : at + _SLICE_BYTES])
            for log in self.logs:
                log.cut()
        self._flush()

    def end(self) -> None:
        """The input has ended; a last line without an end gets one."""
        if self._is_inside:
            self._finish_line()
        self._flush()
        for log in self.logs:
            log.close()

    @property
    def is_inside(self) -> bool:
        """Whether a line has begun and not ended."""
        return self._is_inside

    def _flush(self) -> None:
        for log in self.logs:
            log.flush()
        for status in self._statuses:
            status.flush()

    def _receive_slice(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            if not self._is_inside:
                self._is_inside = True
                self._line[:] = tai64.stamp(time.time_ns()) + b" " if self._is_stamped else b""
            end = data.find(b"\n", at)
            stop = len(data) if end < 0 else end
            if self._chosen is None:
                stop = min(stop, at + LINE_BYTES - len(self._line))
                self._line += data[at:stop]
                if len(self._line) == LINE_BYTES:
                    self._choose()
            else:
                for log in self._chosen:
                    log.fill(data[at:stop])
            at = stop
            if stop == end:
                self._finish_line()
                at += 1

    def _finish_line(self) -> None:
        for log in self._choose() if self._chosen is None else self._chosen:
            log.put(b"\n")
        self._chosen = None
        self._is_inside = False

    def _choose(self) -> list[LogDirectory]:
        """Let the first bytes of a line pass the script; where the rest of it goes."""
        line, is_selected = bytes(self._line), True
        self._chosen = chosen = []
        for kind, word, place in self._actions:
            if kind == b"-" or kind == b"+":
                if is_selected == (kind == b"-") and selection.matches(word, line):
                    is_selected = kind == b"+"
            elif is_selected:
                if isinstance(place, LogDirectory):
                    place.put(line)
                    chosen.append(place)
                elif isinstance(place, StatusFile):
                    place.put(selection.status(line))
                else:
                    with suppress(OSError):
                        durable.write_all(2, selection.alert(line))
        return chosen


class Signals:
    """TERM and ALRM, noted; `wait` returns when one came or there is something to read."""

    def __init__(self) -> None:
        self.must_end = self.must_rotate = False
        self._alarm, self._wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(0, select.POLLIN)
        self._poll.register(self._alarm, select.POLLIN)
        signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGALRM):
            signal.signal(number, self._note)
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    def _note(self, number: int, frame: object) -> None:
        if number == signal.SIGTERM:
            self.must_end = True
        else:
            self.must_rotate = True

    def wait(self) -> bool:
        """Whether there is input."""
        ready = {descriptor for descriptor, _ in self._poll.poll()}
        with suppress(BlockingIOError):
            os.read(self._alarm, 64)
        return 0 in ready


def run(destinations: Destinations, signals: Signals) -> None:
    """Read lines until the input ends, or a TERM says so: then up to the end of a line and no byte further.

    :raises OSError: the input cannot be read; the logs are closed in order.
    """
    try:
        while not signals.must_end or destinations.is_inside:
            if signals.must_rotate:
                signals.must_rotate = False
                for log in destinations.logs:
                    log.rotate_early()
            # A signal may come between this test and the read: poll then returns at once, for the wakeup pipe is full
            if not signals.wait():
                continue
            try:
                data = os.read(0, 1 if signals.must_end else _READ_BYTES)
            except BlockingIOError:
                continue
            if not data:
                break
            destinations.receive(data)
    finally:
        destinations.end()


def process(directory: int, command: bytes) -> int:
    """Run a processor in a log directory: previous to processed, state to newstate; its wait status.

    :raises OSError: there is no process.
    """
    pid = os.fork()
    if not pid:
        _become(directory, command)
    return os.waitpid(pid, 0)[1]


def _become(directory: int, command: bytes) -> NoReturn:
    try:
        os.fchdir(directory)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGALRM, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        new = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        files = (("previous", os.O_RDONLY, 0), ("processed", new, 1), ("state", os.O_RDONLY, 4), ("newstate", new, 5))
        # first away from the numbers that they are to have
        opened = [_beyond(os.open(name, flags, 0o644)) for name, flags, _ in files]
        for descriptor, (_, _, target) in zip(opened, files, strict=True):
            os.dup2(descriptor, target)
        os.execve(b"/bin/sh", [b"sh", b"-c", command], os.environb)
    finally:
        os._exit(111)


def _beyond(descriptor: int) -> int:
    import fcntl

    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
