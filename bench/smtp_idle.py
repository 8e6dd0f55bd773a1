"""What do 2,000 idle SMTP connections cost in memory?

Run: python bench/smtp_idle.py

A child holds the connections, each after EHLO and one NOOP; the figure is the growth of our resident set.

Last run (2-core virtual machine, Python 3.11.2):

    2000 connections: 7.2 MB, 3.7 KB each
"""

from __future__ import annotations

import os
import resource
import socket
import sys

import attrs
from twisted.internet import epollreactor
from twisted.internet.endpoints import TCP4ServerEndpoint

from qmtwist.control.settings import SmtpSettings
from qmtwist.services.smtp.clerk import Staff
from qmtwist.services.smtp.smtpd import make_smtp_factory

CONNECTIONS = 2000
SETTINGS = SmtpSettings(
    greeting=b"mail.example.org", localiphost=b"mail.example.org", timeout_s=1200, databytes=0,
    rcpthosts=frozenset([b"example.org"]), morercpthosts=None, badmailfrom=frozenset(),
    is_rcptcheck=False, concurrencyincoming=CONNECTIONS, concurrencyperip=CONNECTIONS, max_recipients=1000,
    max_command_bytes=1000, max_errors=20, max_idle_commands=100,
)  # fmt: skip


@attrs.frozen
class Nobody:
    """Queue and recipient check: never asked here."""


def resident_kb() -> int:
    """Our resident set in KB."""
    with open("/proc/self/statm", encoding="ascii") as stream:
        return int(stream.read().split()[1]) * resource.getpagesize() // 1024


def hold(port: int, ready: int) -> None:
    """The child: connect, say something, tell, wait to be ended."""
    held = []
    for _ in range(CONNECTIONS):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.recv(1000)
        sock.sendall(b"EHLO client\r\n")
        sock.recv(1000)
        sock.sendall(b"NOOP\r\n")
        sock.recv(1000)
        held.append(sock)
    os.write(ready, b"x")
    sock.recv(1000)


def main() -> None:
    """Print the figure."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (CONNECTIONS + 100, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    reactor = epollreactor.EPollReactor()
    nobody = Nobody()
    staff = Staff(reactor, nobody, nobody, lambda line: None, 0)  # type: ignore[arg-type]
    factory = make_smtp_factory(staff, SETTINGS)
    reading, writing = os.pipe()

    def listening(port: object) -> None:
        number = port.getHost().port  # type: ignore[attr-defined]
        if not os.fork():
            hold(number, writing)
            os._exit(0)
        reactor.callLater(0.5, look)

    before = resident_kb()

    def look() -> None:
        os.set_blocking(reading, False)
        try:
            os.read(reading, 1)
        except BlockingIOError:
            reactor.callLater(0.2, look)
            return
        grown = resident_kb() - before
        print(f"{CONNECTIONS} connections: {grown / 1024:.1f} MB, {grown / CONNECTIONS:.1f} KB each")
        reactor.stop()

    TCP4ServerEndpoint(reactor, 0, backlog=128, interface="127.0.0.1").listen(factory).addCallback(listening)
    reactor.run()


if __name__ == "__main__":
    sys.exit(main())
