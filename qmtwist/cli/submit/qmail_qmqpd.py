"""qmail-qmqpd: receive mail by QMQP

SYNOPSIS

    qmail-qmqpd

DESCRIPTION

Receives one message by the Quick Mail Queueing Protocol on descriptors 0 and 1 and hands it to qmail-queue. It is
started once for a connection, by tcpserver, inetd or recordio, usually for port 628.

It takes mail for everybody from whoever can connect. Let only your own hosts connect: with the rules of tcpserver -x,
for instance `10.1.2.3:allow` and `:deny`.

No control file is read. Lines of the message end with LF and are stored as they are. A connection ends after an hour,
or when the client is silent for 20 minutes.

ENVIRONMENT

TCPREMOTEIP, TCPREMOTEHOST, TCPREMOTEINFO, TCPLOCALHOST, TCPLOCALIP (for the Received field), QMAILQUEUE (a program to
run instead of bin/qmail-queue).

EXIT STATUS

0 when the request was answered, or the client ended the connection before its end; 100 when the client broke the
protocol; 111 when a length was too great or the time was over. A message that was not received completely is not
queued.

SEE ALSO

qmail-qmqpc(8), qmail-qmtpd(8), tcp-environ(5), qmail-queue(8)
"""

from __future__ import annotations

import os

from qmtwist.agents.submit.packageserver import Conversation
from qmtwist.wire.package import Limits
from qmtwist.wire.qmqp import QmqpServer

MAX_RECIPIENTS = 1_000_000  # a mailing list may have many
TIMEOUT_S = 1200


def main(arguments: list[bytes], home: str) -> int:
    """Serve one client; the exit status."""
    session = QmqpServer(Limits(max_recipients=MAX_RECIPIENTS))
    return Conversation(home, os.environb, session, b"QMQP", TIMEOUT_S).run()
