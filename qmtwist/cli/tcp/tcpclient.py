"""tcpclient - connect to a TCP server and run a program

    tcpclient [options] HOST PORT PROGRAM [ARGUMENT...]

Connects to a port (a number or the name of a service) of HOST, an IPv4 or IPv6 address or a name, and runs PROGRAM,
which reads the connection on descriptor 6 and writes it on descriptor 7. `0` or nothing as HOST is this host.

    tcpclient -RHl0 -- mail.example.org 25 serialsmtp prefix- me.example.org

Options; in brackets what holds without them:

    -q -Q -v   log nothing, errors only, everything (-Q)
    -h -H      look up the name of the server for TCPREMOTEHOST, or do not (-h)
    -r -R      ask the server's host for TCPREMOTEINFO (IDENT), or do not (-r)
    -t N       give IDENT N seconds (26)
    -T X+Y     a host may have several addresses: try each for X seconds, and those that did not answer once more for Y
               seconds each (2+58); `-T X` is X+0
    -i IP      connect from this address of ours
    -p PORT    connect from this port of ours
    -l NAME    the name of this host is NAME (DNS is asked)
    -d -D      delay small packets, or do not (-d)

PROGRAM finds the variables of tcp-environ(5), as below tcpserver.

Exit status: that of PROGRAM; 100 for a wrong call; 111 if there is no connection or PROGRAM cannot be run.

See also: tcpserver, mconnect, tcp-environ(5)
"""

from __future__ import annotations

import os
from _socket import IPPROTO_TCP, TCP_NODELAY, socket

from qmtwist.agents.dns import Resolver
from qmtwist.agents.tcp import dialling, ends, ident
from qmtwist.cli.chain import become, fatal, say
from qmtwist.cli.options import Options, UsageError
from qmtwist.control.nameservers import home_name_service
from qmtwist.mail.errors import MailError, Temporary

from . import hosts

NAME = b"tcpclient"
USAGE = (
    b"tcpclient: usage: tcpclient [ -hHrRdDqQv ] [ -i localip ] [ -p localport ] [ -T timeoutconn ] [ -l localname ] "
    b"[ -t timeoutinfo ] host port program"
)


_FLAGS = {
    b"q": ("verbosity", 0), b"Q": ("verbosity", 1), b"v": ("verbosity", 2), b"h": ("looks_up_host", True),
    b"H": ("looks_up_host", False), b"r": ("asks_info", True), b"R": ("asks_info", False), b"d": ("is_delayed", True),
    b"D": ("is_delayed", False),
}  # fmt: skip


class Wishes:
    """What the options say."""

    def __init__(self) -> None:
        self.verbosity = 1
        self.looks_up_host = True
        self.asks_info = True
        self.info_timeout_s = 26
        self.timeouts_s = (2, 58)
        self.own_ip = b""
        self.own_port = 0
        self.local_host: bytes | None = None
        self.is_delayed = True

    def take(self, letter: bytes, value: bytes) -> None:
        """An option.

        :raises UsageError: its value is no number, and should be.
        """
        if letter in _FLAGS:
            setattr(self, *_FLAGS[letter])
        elif letter == b"i":
            self.own_ip = value
        elif letter == b"l":
            self.local_host = value
        elif letter == b"T":
            first, _, second = value.partition(b"+")
            self.timeouts_s = _number(first), _number(second or b"0")
        else:
            setattr(self, "own_port" if letter == b"p" else "info_timeout_s", _number(value))


def main(arguments: list[bytes], home: str) -> int:
    """Connect, then become the program."""
    options, wishes = Options(arguments, b"dDvqQhHrRi:p:t:T:l:"), Wishes()
    try:
        for letter, value in options:
            wishes.take(letter, value)
    except UsageError as error:
        return _usage(error.complaint)
    if len(options.rest) < 3:
        return _usage()
    host, port_text, *command = options.rest
    sock = connect(NAME, host, port_text, wishes, home)
    if isinstance(sock, int):
        return sock
    try:
        environ = _environment(sock, wishes, home)
    except OSError as error:
        return fatal(NAME, b"unable to get addresses", error)
    for number in (6, 7):
        os.dup2(sock.fileno(), number)
    if sock.fileno() in (6, 7):
        sock.detach()
    return become(NAME, command, environ)


def _number(text: bytes) -> int:
    if not text.isdigit() or len(text) > 9:
        raise UsageError(b"this is no number: " + text)
    return int(text)


def _usage(complaint: bytes = b"") -> int:
    if complaint:
        say(NAME + b": " + complaint)
    say(USAGE)
    return 100


def connect(name: bytes, host: bytes, port_text: bytes, wishes: Wishes, home: str) -> socket | int:
    """A connection; or the exit status of the program `name`, which has complained."""
    port = hosts.port_number(port_text)
    if port is None:
        return fatal(name, b"unable to figure out port number for " + port_text)
    try:
        found = ["127.0.0.1"] if host in (b"", b"0") else hosts.addresses(host, home)
    except Temporary:
        return fatal(name, b"temporarily unable to figure out IP address for %s: temporary failure" % host)
    except MailError:
        return fatal(name, b"no IP address for " + host)
    except OSError as error:
        return fatal(name, b"unable to read control/nameservers", error)
    own = (wishes.own_ip.decode("latin-1"), wishes.own_port)
    sock, failures = dialling.dial(found, port, wishes.timeouts_s, own)
    for address, why in failures if wishes.verbosity or sock is None else ():
        say(b"%s: unable to connect to %s port %d: %s" % (name, address.encode("ascii"), port, why))
    if sock is None:
        return 111
    if not wishes.is_delayed:
        sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    if wishes.verbosity > 1:
        say(b"%s: connected to %s port %d" % (name, sock.getpeername()[0].encode("ascii"), port))
    return sock


def _environment(sock: socket, wishes: Wishes, home: str) -> dict[bytes, bytes]:
    """What the program is told. :raises OSError: the connection is gone; control/nameservers cannot be read."""
    here = ends.of(sock)
    local, remote = wishes.local_host, None
    if local is None or wishes.looks_up_host:
        names = ends.host_names(Resolver(home_name_service(home)), [here.local_ip, here.remote_ip])
        local = names[0] if local is None else local
        remote = names[1] if wishes.looks_up_host else None
    info = ident.ask(here, wishes.info_timeout_s) if wishes.asks_info else None
    return ends.environment(os.environb, here, ends.Known(local, remote, info))
