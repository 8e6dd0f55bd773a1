"""ezmlm-gate - send messages of known senders to a mailing list, and let moderators decide about others

    |ezmlm-gate [-pPyY] DIR [LIST]...

In the .qmail file of a list, in the place of ezmlm-send: if the sender of the message is a subscriber of one of the
lists in the directories LIST, or of DIR itself without them, this does what ezmlm-send(1) does with DIR; otherwise what
ezmlm-store(1) does. A relative LIST is a directory in DIR. A sender is easily forged: this saves moderators work, and
does not keep out somebody who means it.

The options are those of ezmlm-store.

Environment: SENDER, from qmail-local. QMAILQUEUE names a program to run in place of qmail-queue.

Exit status: 0 it is sent, or waits; 100 it is refused; 111 try again later.
"""

from __future__ import annotations

import os
import time

from qmtwist.agents.lists.moderate import hold
from qmtwist.agents.lists.send import send
from qmtwist.cli.chain import say
from qmtwist.mail.errors import Malformed, suppress
from qmtwist.store.lists.subscribers import Subscribers

from .common import carry_out, enter, take, variable
from .storing import terms

_NAME = b"ezmlm-gate"


def main(arguments: list[bytes], home: str) -> int:
    """Send or keep it, and say under which number something is queued."""

    def work() -> int:
        line = take(arguments, b"bBcCmMpPrRSyY")
        sender = variable(b"SENDER")
        enter(line.words[0])
        is_known = any(_is_on(os.fsdecode(directory), sender) for directory in line.words[1:] or [b"."])
        number = send(home, ".", sender) if is_known else hold(home, ".", sender, int(time.time()), terms(line.values))
        say(b"ezmlm-gate: info: qp %d" % number)
        return 0

    return carry_out(_NAME, b"[-pPyY] dir [list ...]", work)


def _is_on(directory: str, sender: bytes) -> bool:
    with suppress(Malformed):
        return Subscribers(directory).has(sender)
    return False
