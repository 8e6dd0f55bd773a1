"""tcp-env - set up the environment that tcpserver sets up, below another server

    tcp-env [-rR] [-t SECONDS] PROGRAM [ARGUMENT...]

For inetd and its like, which give a connection as descriptor 0 and nothing else. Sets PROTO, TCPLOCALIP, TCPLOCALPORT,
TCPLOCALHOST, TCPREMOTEIP, TCPREMOTEPORT, TCPREMOTEHOST and TCPREMOTEINFO as in tcp-environ(5), then runs PROGRAM:

    smtp stream tcp nowait qmaild /var/qmail/bin/tcp-env tcp-env /var/qmail/bin/qmail-smtpd

If PROTO is already TCP, everything is left as it is. The names of hosts come from DNS, in lower case; while DNS does
not answer a name is `softdnserror`.

    -r -R   ask the client's host for TCPREMOTEINFO (IDENT), or do not (-r)
    -t N    give IDENT N seconds (30)

Exit status: that of PROGRAM; 100 for a wrong call; 111 if PROGRAM cannot be run or descriptor 0 is no TCP connection.

See also: tcp-environ(5), tcpserver
"""

from __future__ import annotations

import os
from _socket import socket

from qmtwist.agents.tcp import ends
from qmtwist.cli.chain import become, fatal, say
from qmtwist.cli.options import Options, UsageError

NAME = b"tcp-env"
SOFT_NAME = b"softdnserror"


def main(arguments: list[bytes], home: str) -> int:
    """Find everything out, then become the program."""
    options, asks_info, timeout_s = Options(arguments, b"rRt:"), True, 30
    try:
        for letter, value in options:
            if letter == b"t":
                if not value.isdigit() or len(value) > 10:
                    raise UsageError(b"this is no number: " + value)
                timeout_s = int(value)
            else:
                asks_info = letter == b"r"
    except UsageError as error:
        say(NAME + b": " + error.complaint)
        return _usage()
    if not options.rest:
        return _usage()
    if os.environb.get(b"PROTO") == b"TCP":
        return become(NAME, options.rest)
    try:
        environ = _environment(home, asks_info, timeout_s)
    except OSError as error:
        return fatal(NAME, b"unable to get addresses of descriptor 0", error)
    except ends.NotTcp:
        return fatal(NAME, b"descriptor 0 is no TCP connection")
    return become(NAME, options.rest, environ)


def _usage() -> int:
    say(b"tcp-env: usage: tcp-env [ -rR ] [ -t timeout ] program [ arg ... ]")
    return 100


def _environment(home: str, asks_info: bool, timeout_s: int) -> dict[bytes, bytes]:
    """:raises OSError, ends.NotTcp: descriptor 0 is no connection, or none any more."""
    sock = socket(fileno=0)
    try:
        here = ends.of(sock)
    finally:
        sock.detach()
    known = ends.Known(*_names(home, here))
    if asks_info:
        from qmtwist.agents.tcp import ident

        known = known._replace(remote_info=ident.ask(here, timeout_s))
    return ends.environment(os.environb, here, known)


def _names(home: str, here: ends.Ends) -> list[bytes | None]:
    """The names of this host and of the other."""
    from qmtwist.agents.dns import Resolver
    from qmtwist.control.nameservers import RESOLV_CONF, home_name_service, name_service

    try:
        service = home_name_service(home)
    except OSError:  # this program may run as anybody
        service = name_service((), RESOLV_CONF)
    return ends.host_names(Resolver(service), [here.local_ip, here.remote_ip], SOFT_NAME)
