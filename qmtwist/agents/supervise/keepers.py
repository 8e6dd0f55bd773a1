"""Who keeps the mail server running: a supervisor, systemd, or nobody. (Life with qmail §2.8.2, qmailctl)

Each keeper starts, stops and restarts it, and tells how it is; the lines to print come as they are known.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import time

from qmtwist.mail.errors import suppress
from qmtwist.mail.shapes import Iterator
from qmtwist.store.signals import signal

from .hurry import NotAllowed, tell

MAIN_SERVICES = ("qmail-send", "qmtwist")
UNIT = "qmtwist.service"
SYSTEMD = "/run/systemd/system"  # there if systemd runs this machine
START_S, STOP_S, LOOK_S = 60.0, 360.0, 0.1


class Trouble(Exception):
    """What could not be done, in a sentence."""


def keeper(home: str) -> ByHand | Systemd | Supervised:
    """The one that serves this home; without any, ByHand."""
    names = services(home)
    main = next((name for name in MAIN_SERVICES if name in names), None)
    if main is not None and is_supervised(f"{home}/supervise/{main}"):
        return Supervised(home, main, names)
    if Systemd.serves(home):
        return Systemd(home)
    return ByHand(home) if main is None else Supervised(home, main, names)


def process(home: str) -> int:
    """The process id of the server of this home; 0: it does not run.

    :raises NotAllowed: it runs, or seems to, as another user.
    """
    try:
        return tell(home, 0)
    except OSError:
        return 0


class ByHand:
    """HOME/rc, started and stopped by ourselves."""

    name = "qmtwist"

    def __init__(self, home: str) -> None:
        self.home = home

    def start(self) -> Iterator[str]:
        """Run HOME/rc, and wait until it serves."""
        pid = process(self.home)
        if pid:
            yield f"{self.name} is running already (pid {pid})"
            return
        script = f"{self.home}/rc"
        if not os.access(script, os.X_OK):
            raise Trouble(f"there is no {script}: cp {self.home}/boot/server {script}")
        yield f"Starting {self.name}"
        log = _log(self.home)
        started = subprocess.Popen(
            [script], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
        )
        if log >= 0:
            os.close(log)
        deadline = time.monotonic() + START_S
        while not process(self.home):
            if started.poll() is not None:
                raise Trouble(f"{script} ended with status {started.returncode}; its reason is in the log")
            if time.monotonic() > deadline:
                raise Trouble(f"{script} does not serve after {START_S:.0f} seconds; see the log")
            time.sleep(LOOK_S)

    def stop(self) -> Iterator[str]:
        """TERM, and wait for the end."""
        pid = process(self.home)
        if not pid:
            yield f"{self.name} is not running"
            return
        yield f"Stopping {self.name}..."
        _end(pid)

    def restart(self) -> Iterator[str]:
        """Stop it if it runs, and start it."""
        yield from self.stop()
        yield from self.start()

    def others(self, order: str) -> None:
        """There are no other services."""

    def state(self) -> Iterator[str]:
        """A line like svstat's."""
        pid = process(self.home)
        yield f"{self.name}: up (pid {pid}) {age_s(pid)} seconds" if pid else f"{self.name}: down"


class Systemd(ByHand):
    """The unit qmtwist.service."""

    @staticmethod
    def serves(home: str) -> bool:
        """Whether systemd runs here, and has a unit for this home."""
        if not os.path.isdir(SYSTEMD) or shutil.which("systemctl") is None:
            return False
        shown = subprocess.run(["systemctl", "cat", UNIT], capture_output=True)
        lines = os.fsdecode(shown.stdout).splitlines()
        return not shown.returncode and any(home in _words(line) for line in lines if line.startswith("ExecStart="))

    def start(self) -> Iterator[str]:
        """systemctl start"""
        yield f"Starting {self.name}"
        _systemctl("start")

    def stop(self) -> Iterator[str]:
        """systemctl stop"""
        yield f"Stopping {self.name}..."
        _systemctl("stop")

    def restart(self) -> Iterator[str]:
        """systemctl restart"""
        yield f"Restarting {self.name}"
        _systemctl("restart")


class Supervised:
    """The services in HOME/supervise, kept by supervise: the one that delivers, and others such as qmail-smtpd."""

    def __init__(self, home: str, main: str, names: list[str]) -> None:
        self.home = home
        self.name = main
        self._others = [name for name in names if name != main]

    def start(self) -> Iterator[str]:
        """Up, the deliveries first."""
        yield "Starting qmail"
        for name in (self.name, *self._others):
            if is_supervised(self._directory(name)):
                _control(self._directory(name), b"u")
            else:
                yield f"{name} supervise not running"

    def stop(self) -> Iterator[str]:
        """Down, the deliveries last; wait for their end."""
        yield "Stopping qmail..."
        pid = process(self.home)
        for name in (*self._others, self.name):
            yield f"  {name}"
            _control(self._directory(name), b"d")
        if pid:
            _wait(pid)

    def restart(self) -> Iterator[str]:
        """The others down, TERM for the deliveries, which are started again by supervise; the others up."""
        yield "Restarting qmail:"
        pid = process(self.home)
        for name in self._others:
            yield f"* Stopping {name}."
            _control(self._directory(name), b"d")
        yield f"* Sending {self.name} SIGTERM and restarting."
        _control(self._directory(self.name), b"tu")
        if pid:
            _wait(pid)
        for name in self._others:
            yield f"* Restarting {name}."
            _control(self._directory(name), b"u")

    def others(self, order: str) -> None:
        """`pause` or `continue` for the other services, as svc -p and -c do it."""
        for name in self._others:
            _control(self._directory(name), {"pause": b"p", "continue": b"c"}[order])

    def state(self) -> Iterator[str]:
        """svstat of every service and its log."""
        directories = [self._directory(name) for name in (self.name, *self._others)]
        logs = [f"{directory}/log" for directory in directories if os.path.isdir(f"{directory}/log")]
        path = f"{os.environ.get('PATH', os.defpath)}:{self.home}/bin"
        program = shutil.which("svstat", path=path)
        if program is None:
            raise Trouble("there is no svstat")
        ended = subprocess.run([program, *directories, *logs], stdout=subprocess.PIPE)
        yield from ended.stdout.decode("utf-8", "replace").splitlines()

    def _directory(self, name: str) -> str:
        return f"{self.home}/supervise/{name}"


def services(home: str) -> list[str]:
    """The services in HOME/supervise, sorted."""
    try:
        names = sorted(os.listdir(f"{home}/supervise"))
    except OSError:
        return []
    return [name for name in names if os.path.exists(f"{home}/supervise/{name}/run")]


def is_supervised(directory: str) -> bool:
    """Whether a supervise keeps the service in this directory. (djb svok)"""
    try:
        os.close(os.open(f"{directory}/supervise/ok", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def age_s(pid: int) -> int:
    """For how many seconds a process has run."""
    with open(f"/proc/{pid}/stat", "rb") as stream:
        ticks = int(stream.read().rpartition(b")")[2].split()[19])
    with open("/proc/uptime", "rb") as stream:
        uptime_s = float(stream.read().split()[0])
    return max(0, int(uptime_s - ticks / os.sysconf("SC_CLK_TCK")))


def _control(directory: str, letters: bytes) -> None:
    try:
        descriptor = os.open(f"{directory}/supervise/control", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Trouble(f"unable to control {directory}: {error.strerror}; does supervise run there?") from error
    try:
        os.write(descriptor, letters)
    finally:
        os.close(descriptor)


def _words(line: str) -> list[str]:
    """The words of a line of a unit, `%%` being `%`; of one that is not understood, none. (systemd.syntax(7))"""
    import shlex

    try:
        return shlex.split(line.replace("%%", "%").replace("=", " "))
    except ValueError:
        return []


def _systemctl(verb: str) -> None:
    ended = subprocess.run(["systemctl", verb, UNIT])
    if ended.returncode:
        raise Trouble(f"systemctl {verb} {UNIT} ended with status {ended.returncode}")


def _log(home: str) -> int:
    """Where a start script's own output goes: to a logger, as most scripts say themselves; else nowhere."""
    for command in ([f"{home}/bin/splogger", "qmail"], ["logger", "-t", "qmail", "-p", "mail.info"]):
        program = shutil.which(command[0])
        if program is not None:
            reading, writing = os.pipe()
            nowhere = subprocess.DEVNULL
            subprocess.Popen([program, *command[1:]], stdin=reading, stdout=nowhere, stderr=nowhere, cwd="/",
                             start_new_session=True)  # fmt: skip
            os.close(reading)
            return writing
    return subprocess.DEVNULL


def _end(pid: int) -> None:
    """TERM.

    :raises Trouble: it lives on.
    """
    with suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            os.kill(pid, signal.SIGTERM)
            _await(descriptor, pid)
        finally:
            os.close(descriptor)


def _wait(pid: int) -> None:
    with suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            _await(descriptor, pid)
        finally:
            os.close(descriptor)


def _await(descriptor: int, pid: int) -> None:
    watch = select.poll()
    watch.register(descriptor, select.POLLIN)
    if not watch.poll(STOP_S * 1000):
        raise Trouble(f"process {pid} is still there after {STOP_S:.0f} seconds")


__all__ = ["ByHand", "NotAllowed", "Supervised", "Systemd", "Trouble", "keeper", "process"]
