"""qmail-qmtpd: receive mail by QMTP

SYNOPSIS

    qmail-qmtpd

DESCRIPTION

Receives mail messages by the Quick Mail Transfer Protocol on descriptors 0 and 1 and hands each to qmail-queue. It is
started once for a connection, by tcpserver, inetd or recordio, usually for port 209; the service inside the daemon does
the same work without a process.

Recipients outside rcpthosts are refused, each by itself. Senders are not compared with badmailfrom. A message with 1000
or more Received and Delivered lines is refused as a loop. A connection ends after an hour.

CONTROL FILES

databytes (0: no limit), rcpthosts, morercpthosts.cdb, maxrecipients (of one message, 1000; the rest is told to come
later), timeoutsmtpd (seconds to wait for the client, 1200). They are read for each connection. Without rcpthosts every
recipient is taken, from everybody, and a warning is written to descriptor 2.

ENVIRONMENT

TCPREMOTEIP, TCPREMOTEHOST, TCPREMOTEINFO, TCPLOCALHOST, TCPLOCALIP (for the Received field), RELAYCLIENT (set: any
recipient is taken and the value is appended to it), DATABYTES (instead of the control file), QMAILQUEUE (a program to
run instead of bin/qmail-queue).

EXIT STATUS

0 when the client ended the connection, 100 when it broke the protocol, 111 when a length was too great, the time was
over, or a control file could not be read. A message that was not received completely is not queued.

SEE ALSO

qmail-qmqpd(8), qmail-smtpd(8), tcp-environ(5), qmail-control(5), qmail-queue(8)
"""

from __future__ import annotations

import os

from qmtwist.agents.submit.packageserver import NO_RESOURCES, QmtpConversation
from qmtwist.control import grammar
from qmtwist.control.morehosts import MoreHosts
from qmtwist.mail.shapes import Mapping
from qmtwist.rules.relay import RelayRules, never
from qmtwist.wire.package import ADDRESS_BYTES, Limits
from qmtwist.wire.qmtpserver import QmtpServer

HOP_LIMIT = 1000  # qmail counts none here; so many is a loop for certain
RELAY_WARNING = b"qmail-qmtpd: warning: no control/rcpthosts: anybody can relay through this host\n"


def main(arguments: list[bytes], home: str) -> int:
    """Serve one client; the exit status."""
    environ = os.environb
    try:
        rules = read_rules(home, environ)
        session = QmtpServer(read_limits(home, environ))
        timeout_s = max(1, grammar.read_number(home, "timeoutsmtpd", 1200))
    except OSError:
        return NO_RESOURCES
    if rules.rcpthosts is None and rules.relayclient is None:
        os.write(2, RELAY_WARNING)
    return QmtpConversation(home, environ, session, rules, timeout_s).run()


def read_limits(home: str, environ: Mapping[bytes, bytes]) -> Limits:
    """What one message may cost us.

    :raises OSError: a control file cannot be read.
    """
    databytes = grammar.read_number(home, "databytes", 0)
    if b"DATABYTES" in environ:
        databytes = grammar.parse_number(environ[b"DATABYTES"]) or 0
    return Limits(
        databytes,
        grammar.read_number(home, "maxrecipients", 1000),
        HOP_LIMIT,
        ADDRESS_BYTES - len(environ.get(b"RELAYCLIENT", b"")),
    )


def read_rules(home: str, environ: Mapping[bytes, bytes]) -> RelayRules:
    """What the control files say about recipients. Addresses are taken as they are: no localiphost.

    :raises OSError: one cannot be read.
    """
    rcpthosts = grammar.read_list(home, "rcpthosts")
    return RelayRules(
        None if rcpthosts is None else grammar.parse_names(rcpthosts),
        MoreHosts(grammar.control_path(home, "morercpthosts.cdb")),
        frozenset(),
        environ.get(b"RELAYCLIENT"),
        None,
        never,
    )
