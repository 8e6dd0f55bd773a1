"""qmail or notqmail installed in /var/qmail, under tcpserver, with its own queue moved to the measured disk.

The queue is a fresh copy of the installed (empty) one, shown at /var/qmail/queue in our mount name space; message files
must be renamed to their inode numbers, so only an empty queue can be copied. Delivery is qmail-local's ./Maildir/.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time

from bench.peers import Outlet, wait_for_port
from bench.place import Place
from tests.support.daemon import free_port
from tests.support.privately import bind

QMAIL = "/var/qmail"
PATH = f"{QMAIL}/bin:/usr/local/bin:/usr/bin:/bin"


class Qmail:
    """qmail-start and tcpserver in one process group, started by a shell that waits for them."""

    name = "qmail"

    def __init__(self, place: Place) -> None:
        self.port = free_port()
        self.recipient = f"{place.account}@bench.example"
        self.maildir = f"{place.user_home}/Maildir"
        self.pid = 0
        self._place = place
        self._shell: subprocess.Popen[bytes] | None = None
        self._outlet: Outlet | None = None

    def relay(self, outlet: Outlet) -> None:
        """From the next start on, send all mail that is not for this host there."""
        self._outlet = outlet

    def start(self) -> None:
        """Show our control/ and queue/ in /var/qmail and start the two parts."""
        base = f"{self._place.directory}/qmail"
        if not os.path.isdir(base):
            self._configure(base)
        if self._outlet is not None:
            for name, text in (
                ("smtproutes", f":127.0.0.1:{self._outlet.port}"),
                ("concurrencyremote", str(self._outlet.sessions)),
            ):
                with open(f"{base}/control/{name}", "w", encoding="ascii") as stream:
                    stream.write(f"{text}\n")
        smtpd = f"tcpserver -H -R -l0 -c 200 127.0.0.1 {self.port} {QMAIL}/bin/qmail-smtpd"
        script = f"qmail-start ./Maildir/ & {smtpd} & wait"
        environment = {"PATH": PATH, "RELAYCLIENT": ""}
        with open(f"{self._place.directory}/qmail.log", "ab") as log:
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", script], env=environment, stdout=log, stderr=log, start_new_session=True
            )
        self.pid = self._shell.pid
        wait_for_port(self.port)

    def _configure(self, base: str) -> None:
        os.mkdir(base)
        for name in ("control", "queue"):
            subprocess.run(["cp", "-a", f"{QMAIL}/{name}", f"{base}/{name}"], check=True)
            bind(f"{base}/{name}", f"{QMAIL}/{name}")
        for name in ("me", "locals", "rcpthosts"):
            with open(f"{base}/control/{name}", "w", encoding="ascii") as stream:
                stream.write("bench.example\n")

    def stop(self) -> None:
        """End the group that `start` made; qmail-send finishes its deliveries first."""
        os.killpg(self.pid, signal.SIGTERM)
        assert self._shell is not None
        self._shell.wait(60)
        while any(True for _ in _members(self.pid)):
            time.sleep(0.1)


def _members(group: int) -> list[int]:
    """The living processes of a process group."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.getpgid(int(name)) == group:
                found.append(int(name))
        except ProcessLookupError:
            continue
    return found


def is_available(place: Place) -> bool:
    """Whether there is a qmail to compare with, and tcpserver to run it."""
    return place.is_root and os.path.exists(f"{QMAIL}/bin/qmail-send") and bool(shutil.which("tcpserver", path=PATH))
