"""ezmlm-store - keep a message to a mailing list until a moderator has decided

    |ezmlm-store [-pPyY] DIR

In the .qmail file of a list, in the place of ezmlm-send: keeps the message in DIR/mod/pending and writes to the
moderators, who are the subscribers of DIR/mod, or of the directory that DIR/modpost names. Answering that letter
accepts the message; an answer to its From address, LIST-reject-..., rejects it. ezmlm-moderate(1) does what they want.

Without DIR/modpost the message is sent, as by ezmlm-send(1). With DIR/modpostonly those of anybody but the moderators
are refused.

With DIR/confirmpost the author is asked first whether the message is theirs: it waits in DIR/mod/unconfirmed, and
ezmlm-confirm(1) does what they answer. Whoever forges a sender makes the list write to somebody who has asked for
nothing, so this is no good against spam.

-P: only moderators may write; -p: not only they, whatever DIR/modpostonly says.
-y: authors are asked; -Y: they are not, whatever DIR/confirmpost says.
-b, -B, -c, -C, -m, -M, -r, -R and -S are accepted from ezmlm-idx.

Environment: SENDER, from qmail-local. QMAILQUEUE names a program to run in place of qmail-queue.

Files: DIR/text/mod-request, DIR/text/post-confirm.

Exit status: 0 it waits; 100 it is refused; 111 try again later.
"""

from __future__ import annotations

import os
import time

from qmtwist.agents.lists.moderate import hold
from qmtwist.cli.chain import say

from .common import carry_out, enter, take, variable
from .storing import terms

_NAME = b"ezmlm-store"


def main(arguments: list[bytes], home: str) -> int:
    """Keep it, and say under which number the moderators are asked."""

    def work() -> int:
        line = take(arguments, b"bBcCmMpPrRSyY")
        sender = variable(b"SENDER")
        enter(line.words[0])
        say(b"ezmlm-store: info: qp %d" % hold(home, os.curdir, sender, int(time.time()), terms(line.values)))
        return 0

    return carry_out(_NAME, b"[-pPyY] dir", work)
