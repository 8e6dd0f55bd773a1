"""forward - send a message on to other addresses

    |forward ADDRESS...

In a .qmail file: queues the message for these addresses, with a Delivered-To line in front that shows loops. The
envelope sender is $NEWSENDER, which differs from $SENDER where a list owner has a .qmail file. The addresses are taken
as they are: no name is completed, nothing is an option, and a repeated one gets two copies.

Environment: NEWSENDER and DTLINE, from qmail-local. QMAILQUEUE names a program to run in place of qmail-queue.

Exit status: 0 queued; 100 it cannot be; 111 try again later.
"""

from __future__ import annotations

import os

from qmtwist.agents.filter.requeue import requeue
from qmtwist.cli.chain import fatal, say
from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import MailError, Permanent

NAME = b"forward"


def main(arguments: list[bytes], home: str) -> int:
    """Queue, and say under which number."""
    for variable in (b"NEWSENDER", b"DTLINE"):
        if variable not in os.environb:
            return fatal(NAME, variable + b" not set", status=100)
    envelope = Envelope(os.environb[b"NEWSENDER"], tuple(arguments))
    try:
        say(b"forward: qp %d" % requeue(home, os.environb[b"DTLINE"], envelope))
    except MailError as error:
        return fatal(NAME, os.fsencode(error.text), status=100 if isinstance(error, Permanent) else 111)
    return 0
