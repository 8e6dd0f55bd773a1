"""qmtwist as `qmtwist setup` leaves it, with one mailbox; settings are the defaults unless `control` says otherwise."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time

from bench.peers import Outlet, wait_for_port
from bench.place import Place
from tests.support.daemon import TWISTD, environment, free_port, qmtwist
from tests.support.processes import uninterrupted

STOP_LIMIT_S = 60
DEFAULT_GROUPING = 50  # recipients in one transaction, unless control/rcptspertransaction says otherwise


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
        self.log = f"{place.directory}/qmtwist.log"
        self._process: subprocess.Popen[bytes] | None = None

    def forget(self) -> None:
        """Remove the home with its queue: the next start makes another."""
        shutil.rmtree(self.home, ignore_errors=True)

    def make_home(self) -> None:
        """Set it up, with one account and its Maildir; a second call does nothing."""
        if os.path.isdir(self.home):
            return
        qmtwist("setup", "--home", self.home, "--host", "bench.example")
        self._write("users/assign", f"={self._account('', '')}\n+{self._account('-', '-')}\n.\n")
        subprocess.run([f"{self.home}/bin/qmail-newu"], check=True)
        self._write("control/defaultdelivery", "./Maildir/\n")
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

    def relay(self, outlet: Outlet) -> None:
        """From the next start on, let loopback relay, and send all mail that is not for this host there."""
        sessions = str(outlet.sessions)
        self.control |= {
            "tcprules": '127.0.0.1:allow,RELAYCLIENT=""',
            "smtproutes": f":[127.0.0.1]:{outlet.port}",
            "concurrencyremote": sessions,
            "concurrencyperhost": sessions,
            "maxrecipients": "10000",
            "rcptspertransaction": str(outlet.grouping or DEFAULT_GROUPING),
        }

    def start(self) -> None:
        """Start the daemon, with its log in a file of the same disk."""
        self.make_home()
        for name, text in self.control.items():
            self._write(f"control/{name}", f"{text}\n")
        command = [TWISTD, "-n", "--pidfile=", "qmtwist", "--home", self.home]
        pop3 = f"tcp:{self.pop3_port}:interface=127.0.0.1" if self.pop3_port else ""
        command += ["--listen", f"smtp=tcp:{self.port}:interface=127.0.0.1", "--listen", f"pop3={pop3}"]
        started = time.monotonic()
        self._process = None
        try:
            with open(self.log, "ab") as log, uninterrupted():
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
        except BaseException:
            if self._process is not None:
                self._process.terminate()
                self._process.wait(STOP_LIMIT_S)
            raise
        self.start_s = time.monotonic() - started

    def stop(self) -> None:
        """Stop it cleanly.

        :raises RuntimeError: it did not end with 0.
        """
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        status = self._process.wait(STOP_LIMIT_S)
        if status != 0:
            raise RuntimeError(f"qmtwist ended with {status}; see {self.log}")
