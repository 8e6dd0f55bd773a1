"""condredirect - send a message on to another address if a program says so

    |condredirect NEWADDRESS PROGRAM [ARGUMENT...]

In a .qmail file: runs PROGRAM, which may read the message. If it exits 0, the message is queued for NEWADDRESS with
the envelope sender $SENDER and a Delivered-To line in front, and the rest of the file is ignored. If it exits with
anything else but 111, or there is no such program, the file goes on as if this line were not there. The same descriptor
is read again afterwards: PROGRAM must not go on reading in the background.

Environment: SENDER and DTLINE, from qmail-local. QMAILQUEUE names a program to run in place of qmail-queue.

Exit status: 99 queued; 0 PROGRAM said no; 100 it cannot be queued; 111 PROGRAM crashed or exited 111, or the message
cannot be queued now: try again later.
"""

from __future__ import annotations

import os

from qmtwist.agents.filter.condition import ask
from qmtwist.cli.chain import fatal, say
from qmtwist.mail.errors import MailError, Permanent

NAME = b"condredirect"


def main(arguments: list[bytes], home: str) -> int:
    """Ask, then queue."""
    if len(arguments) < 2:
        say(b"condredirect: usage: condredirect newaddress program [ arg ... ]")
        return 100
    try:
        if not ask(arguments[1:]):
            return 0
        _redirect(arguments[0], home)
    except MailError as error:
        return fatal(NAME, os.fsencode(error.text), status=100 if isinstance(error, Permanent) else 111)
    except OSError as error:
        return fatal(NAME, b"unable to rewind", error)
    return 99


def _redirect(address: bytes, home: str) -> None:
    """
    :raises MailError: it cannot be queued.
    :raises OSError: the message cannot be read from its beginning.
    """
    # Most messages are not redirected, and need nothing of this.
    from qmtwist.agents.filter.requeue import requeue
    from qmtwist.mail.envelope import Envelope

    for variable in (b"SENDER", b"DTLINE"):
        if variable not in os.environb:
            raise Permanent(f"{variable.decode()} not set")
    os.lseek(0, 0, os.SEEK_SET)
    qp = requeue(home, os.environb[b"DTLINE"], Envelope(os.environb[b"SENDER"], (address,)))
    say(b"condredirect: qp %d" % qp)
