"""ezmlm-moderate - do what a moderator of a mailing list has decided

    |ezmlm-moderate DIR

In the .qmail-LIST-accept-default and -reject-default files of a list, or in -default above ezmlm-manage: sends the
message that LIST-accept-TIME.PID.COOKIE names, or refuses the one that LIST-reject-TIME.PID.COOKIE names.
ezmlm-store(1) has made these addresses; nobody else can. To other addresses it does nothing.

The author of a refused message is told if it is a subscriber, or if the moderator's letter has something for them,
which stands between two lines of %%%. Others are not: the senders of spam are forged.

-c, -C, -m, -M, -r, -R and a second word, which is a program to send messages with, are accepted from ezmlm-idx.

The first decision counts; who decides otherwise later is told by a bounce.

Environment: SENDER and LOCAL, from qmail-local. QMAILQUEUE names a program to run in place of qmail-queue.

Files: DIR/mod/pending, accepted, rejected; DIR/text/mod-reject.

Exit status: 0 it is for another program; 99 it is done; 100 it cannot be done; 111 try again later.
"""

from __future__ import annotations

import os

from qmtwist.agents.lists import moderate
from qmtwist.rules.lists.moderation import Decision

from .deciding import decide_by_mail


def main(arguments: list[bytes], home: str) -> int:
    """Do it, and say what became of the message."""

    def decide(decision: Decision, _: list[bytes], now: int) -> str:
        return moderate.decide(home, os.curdir, decision, now)

    return decide_by_mail(b"ezmlm-moderate", b"dir", arguments, (b"accept", b"reject"), decide)
