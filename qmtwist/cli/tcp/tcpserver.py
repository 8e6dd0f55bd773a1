"""tcpserver - run a program for each TCP connection

    tcpserver [options] HOST PORT PROGRAM [ARGUMENT...]

Listens on an address and runs PROGRAM for each connection, which is its descriptors 0 and 1; its descriptor 2 is the
log. HOST is an IPv4 or IPv6 address or a name; `0` or nothing means all IPv4 addresses, `::` all IPv6 and IPv4 ones.
PORT is a number (0: any) or the name of a service.

    tcpserver -v -R -l mail.example.org -x /etc/tcp.smtp.cdb -c 20 -u 1002 -g 1001 0 smtp qmail-smtpd 2>&1

Options; in brackets what holds without them:

    -q -Q -v   log nothing, errors only, everything (-Q)
    -c N       run at most N programs at a time (40); further clients wait in the backlog, they are not refused
    -b N       allow a backlog of about N clients (20)
    -x FILE    follow the rules that tcprules wrote into FILE; it is opened for each connection, so new rules count at
               once, and while it cannot be read connections are dropped
    -X         with -x: if there is no FILE, allow everybody
    -B TEXT    send TEXT to the client before anything else
    -u UID     after binding take this user id, a number
    -g GID     after binding take this group id, a number, and no other group
    -U         the same with the ids in the variables UID and GID, as envuidgid sets them
    -1         print the local port to standard output
    -l NAME    the name of this host is NAME (DNS is asked, for each connection)
    -h -H      look up the name of the client, or do not (-h)
    -p -P      paranoid: take a client's name only if it leads back to its address, or not (-P)
    -r -R      ask the client's host for TCPREMOTEINFO (IDENT, RFC 1413), or do not (-r)
    -t N       give IDENT N seconds (26)
    -o -O      leave the client's IP options, or remove them (-O)
    -d -D      delay small packets, or do not (-d)

Most people want -R -H -l 0: a firewall that swallows IDENT holds every greeting up for 26 seconds. With them and
without -B the program is also started faster, because nothing has to be waited for.

PROGRAM finds these variables; one that has no value is not set, whatever this program inherited: PROTO (TCP),
TCPLOCALIP, TCPLOCALPORT, TCPLOCALHOST, TCPREMOTEIP, TCPREMOTEPORT, TCPREMOTEHOST (names in lower case), TCPREMOTEINFO
(empty when IDENT answered with an error). Then come those of the rule (see tcprules), for example RELAYCLIENT.
All others pass through.

With -v the log says (`?` stands for odd bytes; an IPv6 address in the third line stands in brackets):

    tcpserver: status: 1/40
    tcpserver: pid 4711 from 192.0.2.7
    tcpserver: ok 4711 mail.example.org:192.0.2.1:25 :192.0.2.7::33215
    tcpserver: end 4711 status 0

`deny` stands for `ok` when a rule denies; the client is told nothing. The status is that of wait(2): 256 times the exit
code, or a signal. 25600 is a client denied, 28416 one dropped for a trouble of ours.

SIGTERM ends the server; the programs that run go on. Exit status: 0 after SIGTERM; 100 for a wrong call; 111 when it
cannot start.

See also: tcprules, tcp-environ(5), tcpclient, tcp-env, recordio, softlimit (how much memory this needs).
"""

from __future__ import annotations

import os
import socket

from qmtwist.agents.dns import Resolver
from qmtwist.agents.tcp.tcpserver import SILENT, TERSE, VERBOSE, Server, Settings
from qmtwist.cli.chain import fatal, say
from qmtwist.cli.options import Options, UsageError
from qmtwist.control.nameservers import RESOLV_CONF, home_name_service, name_service
from qmtwist.mail.errors import MailError, Temporary
from qmtwist.mail.reasons import reason

from . import hosts

NAME = b"tcpserver"
USAGE = (
    b"tcpserver: usage: tcpserver [ -1UXpPhHrRoOdDqQv ] [ -c limit ] [ -x rules.cdb ] [ -B banner ] [ -g gid ] "
    b"[ -u uid ] [ -b backlog ] [ -l localname ] [ -t timeout ] host port program"
)
_FLAGS = {
    b"q": ("verbosity", SILENT), b"Q": ("verbosity", TERSE), b"v": ("verbosity", VERBOSE),
    b"X": ("may_lack_rules", True), b"h": ("looks_up_host", True), b"H": ("looks_up_host", False),
    b"p": ("is_paranoid", True), b"P": ("is_paranoid", False), b"r": ("asks_info", True), b"R": ("asks_info", False),
    b"o": ("kills_options", False), b"O": ("kills_options", True), b"d": ("is_delayed", True),
    b"D": ("is_delayed", False),
}  # fmt: skip
_WORDS = {b"x": "rules", b"B": "banner", b"l": "local_host"}
_NUMBERS = {b"c": "limit", b"t": "info_timeout_s", b"b": "backlog", b"u": "uid", b"g": "gid"}


class CannotStart(Exception):
    """`what` is the complaint, `error` the system's reason for it."""

    def __init__(self, what: bytes, error: OSError | None = None) -> None:
        super().__init__(what)
        self.what, self.error = what, error


class Start:
    """What the command line says that matters before there is a server."""

    def __init__(self) -> None:
        self.backlog = 20
        self.uid = self.gid = 0
        self.prints_port = False
        self.settings = Settings()

    def take(self, letter: bytes, value: bytes) -> None:
        """An option.

        :raises UsageError: its value is no number, and should be.
        """
        if letter in _FLAGS:
            setattr(self.settings, *_FLAGS[letter])
        elif letter in _WORDS:
            setattr(self.settings, _WORDS[letter], value)
        elif letter == b"1":
            self.prints_port = True
        elif letter == b"U":
            self.uid, self.gid = (_number(os.environb.get(name, b"0")) for name in (b"UID", b"GID"))
        elif letter in (b"c", b"t"):
            setattr(self.settings, _NUMBERS[letter], _number(value))
        else:
            setattr(self, _NUMBERS[letter], _number(value))


def _number(text: bytes) -> int:
    if not text.isdigit() or len(text) > 10:
        raise UsageError(b"this is no number: " + text)
    return int(text)


def main(arguments: list[bytes], home: str) -> int:
    """Bind, drop rights, and serve until SIGTERM."""
    options, start = Options(arguments, b"dDvqQhHrR1UXx:t:u:g:l:b:B:c:pPoO"), Start()
    try:
        for letter, value in options:
            start.take(letter, value)
    except UsageError as error:
        return _usage(error.complaint)
    if len(options.rest) < 3:
        return _usage()
    host, port, *start.settings.command = options.rest
    try:
        listener = _listen(start, host, port, home)
        _drop_rights(start)
    except CannotStart as trouble:
        return fatal(NAME, trouble.what, trouble.error) if start.settings.verbosity > SILENT else 111
    if start.prints_port:
        os.write(1, b"%d\n" % listener.getsockname()[1])
    _leave_standard_descriptors()
    return Server(start.settings, listener, lambda: _resolver(home, start.settings)).run()


def _usage(complaint: bytes = b"") -> int:
    if complaint:
        say(NAME + b": " + complaint)
    say(USAGE)
    return 100


def _listen(start: Start, host: bytes, port_text: bytes, home: str) -> socket.socket:
    """:raises CannotStart: no such port, host, or the system refuses."""
    port = hosts.port_number(port_text)
    if port is None:
        raise CannotStart(b"unable to figure out port number for " + port_text)
    try:
        address = "0.0.0.0" if host in (b"", b"0") else hosts.addresses(host, home)[0]
    except Temporary:
        raise CannotStart(b"temporarily unable to figure out IP address for %s: temporary failure" % host)
    except MailError:
        raise CannotStart(b"no IP address for " + host)
    step = b"create socket"
    try:
        listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        step = b"bind"
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if listener.family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # whatever the system's default is
        listener.bind((address, port))
        step = b"listen"
        listener.listen(start.backlog)
    except OSError as error:
        raise CannotStart(b"unable to " + step, error)
    return listener


def _drop_rights(start: Start) -> None:
    """:raises CannotStart: the system refuses."""
    step = b"gid"
    try:
        if start.gid:
            os.setgroups([start.gid])
            os.setgid(start.gid)
        step = b"uid"
        if start.uid:
            os.setuid(start.uid)
    except OSError as error:
        raise CannotStart(b"unable to set " + step, error)


def _leave_standard_descriptors() -> None:
    """Who reads our standard output sees its end; and no connection gets these numbers."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    if null > 2:
        os.close(null)


def _resolver(home: str, settings: Settings) -> Resolver:
    """Whom to ask, at this moment."""
    try:
        return Resolver(home_name_service(home))
    except OSError as error:
        if settings.verbosity > SILENT:
            say(b"tcpserver: warning: unable to read control/nameservers: " + reason(error))
        return Resolver(name_service((), RESOLV_CONF))
