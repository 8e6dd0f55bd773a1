"""svscan: a supervisor for every directory in a directory, with another one for its log. (djb svscan)"""

from __future__ import annotations

import os
import stat

from qmtwist.agents import pathexec
from qmtwist.mail.errors import suppress
from qmtwist.mail.reasons import reason
from qmtwist.mail.shapes import Callable, NoReturn

INTERVAL_S = 5.0
MOST_SERVICES = 1000
_LONGEST_NAME = 255  # of a service with a log
SUPERVISE = b"supervise"


class Service:
    """A directory: known by its inode, so that it can be renamed. `pid` and `log_pid` are 0 while nobody is there."""

    def __init__(self, pipe: tuple[int, int] | None) -> None:
        """`pipe` leads from the service to its log; it outlives both."""
        self.pipe = pipe
        self.pid = self.log_pid = 0


class Scanner:
    """Looks after the current directory. `warn` gets what went wrong; the next round tries again."""

    def __init__(self, home: str, warn: Callable[[bytes], None]) -> None:
        self._services: dict[tuple[int, int], Service] = {}
        self._home, self._warn = home, warn

    def scan(self) -> None:
        """One round: start what is new and what has ended."""
        self._reap()
        try:
            names = os.listdir(b".")
        except OSError as error:
            self._warn(b"unable to read directory: " + reason(error))
            return
        for name in sorted(names):
            if name[:1] != b".":
                self._look_at(name)

    def _look_at(self, name: bytes) -> None:
        try:
            status = os.stat(name)
        except OSError as error:
            self._warn(b"unable to stat %s: %s" % (name, reason(error)))
            return
        if not stat.S_ISDIR(status.st_mode):
            return
        key = (status.st_dev, status.st_ino)
        service = self._services.get(key) or self._discover(name)
        if service is None:
            return
        self._services[key] = service
        if not service.pid:
            service.pid = self._start(name, b"", 1, service.pipe[1] if service.pipe else -1)
        if service.pipe and not service.log_pid:
            service.log_pid = self._start(b"log", name, 0, service.pipe[0])

    def _discover(self, name: bytes) -> Service | None:
        if len(self._services) >= MOST_SERVICES:
            self._warn(b"unable to start %s: running too many services" % name)
            return None
        if len(name) > _LONGEST_NAME or not os.path.isdir(name + b"/log"):
            return Service(None)
        try:
            return Service(os.pipe())
        except OSError as error:
            self._warn(b"unable to create pipe for %s: %s" % (name, reason(error)))
            return None

    def _start(self, name: bytes, within: bytes, target: int, descriptor: int) -> int:
        """A supervisor for `name` in the directory `within`; its process id, or 0."""
        try:
            pid = os.fork()
        except OSError as error:
            self._warn(b"unable to fork for %s: %s" % (name, reason(error)))
            return 0
        if not pid:
            self._become(name, within, target, descriptor)
        return pid

    def _become(self, name: bytes, within: bytes, target: int, descriptor: int) -> NoReturn:
        try:
            if descriptor >= 0:
                os.dup2(descriptor, target)
            path = self._supervise()
            if within:
                os.chdir(within)
            error = pathexec.become([SUPERVISE, name], program=path)
            self._warn(b"unable to start supervise %s: %s" % (name, reason(error)))
        except OSError as error:
            self._warn(b"unable to start supervise %s: %s" % (name, reason(error)))
        finally:
            os._exit(111)

    def _supervise(self) -> bytes:
        """The supervise that PATH leads to, else our own."""
        for place in pathexec.candidates(SUPERVISE):
            if os.access(place, os.X_OK):
                return os.path.abspath(place)
        return os.fsencode(self._home) + b"/bin/" + SUPERVISE

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            while True:
                pid, _ = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                for service in self._services.values():
                    if service.pid == pid:
                        service.pid = 0
                    elif service.log_pid == pid:
                        service.log_pid = 0
