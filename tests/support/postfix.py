"""Postfix in a private directory: takes mail from us, hands mail to us. Needs root and an installed Postfix."""

from __future__ import annotations

import os
import socket
import subprocess
import time

import pytest

from tests.support.daemon import free_port

LIMIT_S = 60.0
MAIN = """compatibility_level = 3.6
queue_directory = {top}/queue
data_directory = {top}/data
maillog_file = {top}/log
maillog_file_prefixes = {top}
inet_interfaces = all
inet_protocols = {protocols}
myhostname = {host}
mydestination =
mynetworks = 127.0.0.0/8 192.0.2.0/24 [::1]/128 [2001:db8::]/32
relay_domains = $myhostname
transport_maps = texthash:{top}/transport
alias_maps =
biff = no
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
{more}
"""


class Postfix:
    """One instance. Mail for a domain goes where `routes` says: `[127.0.0.1]:2525`; its own host name too."""

    def __init__(self, directory: str, host: str, routes: dict[str, str], address: str = "127.0.0.1") -> None:
        if os.geteuid() != 0 or not os.path.exists("/usr/sbin/postfix"):
            pytest.skip("needs root and Postfix")
        self.top = f"{directory}/postfix"
        self.host = host
        self.address, self.port = address, free_port()
        self._routes = routes
        self._is_started = False

    @property
    def route(self) -> str:
        """What follows `domain:` in control/smtproutes."""
        return f"[{self.address}]:{self.port}"

    def start(self, **parameters: str) -> None:
        """Write its configuration, start it, and wait until it listens; `parameters` are those of postconf(5)."""
        for path in (self.top, f"{self.top}/queue"):
            os.mkdir(path, 0o755)
        subprocess.run(["install", "-d", "-o", "postfix", "-m", "700", f"{self.top}/data"], check=True)
        subprocess.run(["cp", "-a", "/etc/postfix", f"{self.top}/etc"], check=True)
        self._write("transport", "".join(f"{domain} smtp:{relay}\n" for domain, relay in self._routes.items()))
        more = "".join(f"{name} = {value}\n" for name, value in parameters.items())
        protocols = "all" if ":" in self.address else "ipv4"
        self._write("etc/main.cf", MAIN.format(top=self.top, host=self.host, more=more, protocols=protocols))
        self._write("etc/master.cf", self._services())
        self._is_started = True
        self._command("start")
        with open(f"{self.top}/queue/pid/master.pid", encoding="ascii") as stream:
            self._pid = int(stream.read())
        self._wait()

    def _write(self, name: str, text: str) -> None:
        with open(f"{self.top}/{name}", "w", encoding="ascii") as stream:
            stream.write(text)

    def _services(self) -> str:
        """The installed services, none of them chrooted, and smtpd on our port."""
        lines = []
        with open("/usr/share/postfix/master.cf.dist", encoding="ascii") as stream:
            for line in stream:
                words = line.split()
                if words and not line.startswith(("#", " ", "\t")):
                    words[4] = "n"
                    if words[:2] == ["smtp", "inet"]:
                        words[0] = f"[{self.address}]:{self.port}"
                    lines.append(" ".join(words) + "\n")
                elif words and not line.startswith("#"):
                    lines.append(line)
        return "".join(lines)

    def _command(self, word: str) -> None:
        ended = subprocess.run(
            ["/usr/sbin/postfix", "-c", f"{self.top}/etc", word], capture_output=True, text=True, timeout=60
        )
        assert ended.returncode == 0, f"{ended.stderr}\n{self.log()}"

    def _wait(self) -> None:
        deadline = time.monotonic() + LIMIT_S
        while True:
            try:
                with socket.create_connection((self.address, self.port), 5) as connection:
                    connection.settimeout(LIMIT_S)
                    if connection.recv(3) == b"220":
                        return
            except OSError:
                time.sleep(0.05)
            assert time.monotonic() < deadline, self.log()

    def log(self) -> str:
        """All that it logged."""
        try:
            with open(f"{self.top}/log", encoding="latin-1") as stream:
                return stream.read()
        except OSError:
            return ""

    def stop(self) -> None:
        """Stop it at once, and wait for its master."""
        if not self._is_started:
            return
        self._command("abort")
        deadline = time.monotonic() + LIMIT_S
        while os.path.exists(f"/proc/{self._pid}") and time.monotonic() < deadline:
            time.sleep(0.02)

    def __enter__(self) -> Postfix:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
