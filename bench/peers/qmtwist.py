"""qmtwist as `qmtwist setup` leaves it, with one mailbox; settings are the defaults unless `control` says otherwise."""

from __future__ import annotations

import os
import signal
import subprocess
import time

from bench.peers import free_port, wait_for_port
from bench.place import Place
from tests.support.daemon import TWISTD, environment, qmtwist

STOP_LIMIT_S = 60


class Qmtwist:
    """One home on the measured disk, and the daemon over it."""

    name = "qmtwist"

    def __init__(self, place: Place, control: dict[str, str] | None = None, pop3: bool = False) -> None:
        self.place = place
        self.port = free_port()
        self.pop3_port = free_port() if pop3 else 0
        self.recipient = f"{place.account}@bench.example"
        self.home = f"{place.directory}/qmtwist"
        self.maildir = f"{place.user_home}/Maildir"
        self.control = {"concurrencyincoming": "2500", "concurrencyperip": "2500", **(control or {})}
        self.pid = 0
        self.start_s = 0.0  # from the command to the greeting, the last time
        self._process: subprocess.Popen[bytes] | None = None

    def make_home(self) -> None:
        """Set it up, with one account and its Maildir; a second call does nothing."""
        if os.path.isdir(self.home):
            return
        qmtwist("setup", "--home", self.home, "--host", "bench.example")
        self._write("users/assign", f"={self._account('', '')}\n+{self._account('-', '-')}\n.\n")
        subprocess.run([f"{self.home}/bin/qmail-newu"], check=True)
        self._write("control/defaultdelivery", "./Maildir/\n")
        for name, text in self.control.items():
            self._write(f"control/{name}", f"{text}\n")
        for path in (self.maildir, *(f"{self.maildir}/{name}" for name in ("tmp", "new", "cur"))):
            os.makedirs(path, mode=0o700, exist_ok=True)
            os.chown(path, self.place.uid, self.place.gid)

    def _account(self, suffix: str, dash: str) -> str:
        place = self.place
        return f"{place.account}{suffix}:{place.account}:{place.uid}:{place.gid}:{place.user_home}:{dash}::"

    def _write(self, name: str, text: str) -> None:
        os.makedirs(os.path.dirname(f"{self.home}/{name}"), exist_ok=True)
        with open(f"{self.home}/{name}", "w", encoding="ascii") as stream:
            stream.write(text)

    def set_password(self, password: str) -> None:
        """Let the account log in at the POP3 service."""
        qmtwist("passwd", "--home", self.home, "--stdin", self.place.account, text=f"{password}\n")

    def start(self) -> None:
        """Start the daemon, with its log in a file of the same disk."""
        self.make_home()
        command = [TWISTD, "-n", "--pidfile=", "qmtwist", "--home", self.home]
        pop3 = f"tcp:{self.pop3_port}:interface=127.0.0.1" if self.pop3_port else ""
        command += ["--listen", f"smtp=tcp:{self.port}:interface=127.0.0.1", "--listen", f"pop3={pop3}"]
        started = time.monotonic()
        with open(f"{self.place.directory}/qmtwist.log", "ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd="/",
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.pid = self._process.pid
        wait_for_port(self.port)
        self.start_s = time.monotonic() - started

    def stop(self) -> None:
        """Stop it cleanly.

        :raises RuntimeError: it did not end with 0.
        """
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        status = self._process.wait(STOP_LIMIT_S)
        if status != 0:
            raise RuntimeError(f"qmtwist ended with {status}; see {self.place.directory}/qmtwist.log")
