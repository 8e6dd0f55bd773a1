"""qreceipt - tell the sender that a message was delivered

    |qreceipt ADDRESS

In a .qmail file: if a field Notice-Requested-Upon-Delivery-To of the header names ADDRESS, exactly as it is written
here, a notice is sent to $SENDER. Nobody is told about bounces. The notice itself has a null envelope sender.

Put it below the line that delivers the message: then the notice is true.

Environment: SENDER, from qmail-local. QMAILQUEUE names a program to run in place of qmail-queue.

Exit status: 0 the notice is queued, or nobody asked; 100 for a wrong call, or a request that cannot be understood, or
if the notice cannot be queued; 111 try again later.
"""

from __future__ import annotations

import os

from qmtwist.agents.filter.heading import read_header
from qmtwist.cli.chain import fatal, say
from qmtwist.rules.receipt import Unparsable, notice

NAME = b"qreceipt"


def main(arguments: list[bytes], home: str) -> int:
    """Look for the request, then answer."""
    sender = os.environb.get(b"SENDER")
    if not arguments or sender is None:
        say(b"qreceipt: usage: qreceipt deliveryaddress")
        return 100
    try:
        message = notice(read_header().fields, arguments[0], sender)
    except Unparsable as error:
        return fatal(NAME, b"unable to parse this: " + error.field.removesuffix(b"\n"), status=100)
    except OSError as error:
        return fatal(NAME, b"unable to read message", error)
    return 0 if message is None else _queue(message, sender, home)


def _queue(message: bytes, sender: bytes, home: str) -> int:
    # Few messages ask for a notice; the others need nothing of this.
    from qmtwist.agents.submit.submission import submit
    from qmtwist.mail.envelope import Envelope

    text = submit(home, [message], Envelope(b"", (sender,)), os.environb).text
    if text[:1] == b"D":
        return fatal(NAME, b"permanent qmail-queue error", status=100)
    return fatal(NAME, b"temporary qmail-queue error") if text else 0
