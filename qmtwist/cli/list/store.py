"""ezmlm-store - keep a message to a mailing list until a moderator has decided

    |ezmlm-store DIR

In the .qmail file of a list, in the place of ezmlm-send: keeps the message in DIR/mod/pending and writes to the
moderators, who are the subscribers of DIR/mod, or of the directory that DIR/modpost names. Answering that letter
accepts the message; an answer to its From address, LIST-reject-..., rejects it. ezmlm-moderate(1) does what they want.

Without DIR/modpost the message is sent, as by ezmlm-send(1). With DIR/modpostonly those of anybody but the moderators
are refused.

Environment: SENDER, from qmail-local. QMAILQUEUE names a program to run in place of qmail-queue.

Files: DIR/text/mod-request.

Exit status: 0 it waits; 100 it is refused; 111 try again later.
"""

from __future__ import annotations

import os
import time

from qmtwist.agents.lists.moderate import hold
from qmtwist.cli.chain import say

from .common import carry_out, enter, take, variable

_NAME = b"ezmlm-store"


def main(arguments: list[bytes], home: str) -> int:
    """Keep it, and say under which number the moderators are asked."""

    def work() -> int:
        line = take(arguments, b"")
        sender = variable(b"SENDER")
        enter(line.words[0])
        say(b"ezmlm-store: info: qp %d" % hold(home, os.curdir, sender, int(time.time())))
        return 0

    return carry_out(_NAME, b"dir", work)
