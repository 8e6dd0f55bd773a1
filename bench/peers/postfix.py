"""Debian's Postfix as it comes, in a private instance: own configuration, queue and data on the measured disk.

Deliveries are made by local(8) into the recipient's ~/Maildir, the ordinary way; it fsyncs the file but not the
directory. What differs from the installed defaults: nothing is chrooted, names of clients are not looked up, and limits
per client are lifted (all connections come from one address). No syslog daemon listens, so its log costs it nothing.
"""

from __future__ import annotations

import os
import subprocess
import time

from bench.peers import Outlet, wait_for_port
from bench.place import Place
from tests.support.daemon import free_port
from tests.support.privately import bind

MAIN = """compatibility_level = 3.6
queue_directory = {queue}
data_directory = {data}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.bench.example
mydestination = bench.example
mynetworks = 127.0.0.0/8
alias_maps =
home_mailbox = Maildir/
biff = no
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
"""
# For relaying: as many sessions to the destination as the others may have, and messages of 5,000 recipients.
OUT = """relayhost = [127.0.0.1]:{port}
smtp_destination_concurrency_limit = {sessions}
smtpd_recipient_limit = 10000
"""


class Postfix:
    """One private instance; needs root and a private mount name space (bench.place)."""

    name = "postfix"

    def __init__(self, place: Place) -> None:
        self.port = free_port()
        self.recipient = f"{place.account}@bench.example"
        self.maildir = f"{place.user_home}/Maildir"
        self.pid = 0
        self._base = f"{place.directory}/postfix"
        self._outlet: Outlet | None = None

    def relay(self, outlet: Outlet) -> None:
        """From the next start on, send all mail that is not for this host there."""
        self._outlet = outlet

    def start(self) -> None:
        """Write the configuration, show it as /etc/postfix, start the master."""
        queue, data, config = (f"{self._base}/{name}" for name in ("queue", "data", "etc"))
        if not os.path.isdir(config):
            self._configure(queue, data, config)
        with open(f"{config}/main.cf", "w", encoding="ascii") as stream:
            stream.write(MAIN.format(queue=queue, data=data) + self._relaying())
        self._write_master(f"{config}/master.cf")
        try:
            subprocess.run(["/usr/sbin/postfix", "start"], check=True, capture_output=True)
            wait_for_port(self.port)
        except BaseException:
            subprocess.run(["/usr/sbin/postfix", "stop"], check=False, capture_output=True)
            raise
        with open(f"{queue}/pid/master.pid", encoding="ascii") as stream:
            self.pid = int(stream.read())

    def _configure(self, queue: str, data: str, config: str) -> None:
        for path in (self._base, queue):
            os.mkdir(path)
        subprocess.run(["cp", "-a", "/etc/postfix", config], check=True)
        subprocess.run(["install", "-d", "-o", "postfix", "-m", "700", data], check=True)
        bind(config, "/etc/postfix")

    def _relaying(self) -> str:
        """What main.cf says about mail to other hosts."""
        outlet = self._outlet
        if outlet is None:
            return ""
        text = OUT.format(port=outlet.port, sessions=outlet.sessions)
        return text + (f"smtp_destination_recipient_limit = {outlet.grouping}\n" if outlet.grouping else "")

    def _write_master(self, path: str) -> None:
        """The installed services, none of them chrooted, and smtpd on our port.

        With one recipient per transaction Postfix counts its limit of sessions per recipient instead of per host, so
        the number of its processes has to be the limit.
        """
        outlet, lines = self._outlet, []
        with open("/usr/share/postfix/master.cf.dist", encoding="ascii") as stream:
            for line in stream:
                words = line.split()
                if words and not line.startswith(("#", " ", "\t")):
                    words[4] = "n"
                    if words[:2] == ["smtp", "inet"]:
                        words[0] = f"127.0.0.1:{self.port}"
                    if words[:2] == ["smtp", "unix"] and outlet is not None and outlet.grouping == 1:
                        words[6] = str(outlet.sessions)
                    lines.append(" ".join(words) + "\n")
                elif words and not line.startswith("#"):
                    lines.append(line)
        with open(path, "w", encoding="ascii") as stream:
            stream.writelines(lines)

    def stop(self) -> None:
        """Stop the master and wait for it."""
        subprocess.run(["/usr/sbin/postfix", "stop"], check=True, capture_output=True)
        while os.path.exists(f"/proc/{self.pid}"):
            time.sleep(0.05)


def is_available(place: Place) -> bool:
    """Whether this machine has Postfix and lets us run it."""
    return place.is_root and os.path.exists("/usr/sbin/postfix")
