"""ezmlm-confirm - do what the author of a message to a mailing list has decided about it

    |ezmlm-confirm DIR [PROGRAM [ARGUMENT]...]

In the .qmail-LIST-confirm-default and -discard-default files of a list: sends the message that
LIST-confirm-TIME.PID.COOKIE names, which waits in DIR/mod/unconfirmed until its author says that it is theirs, or
removes the one that LIST-discard-TIME.PID.COOKIE names. ezmlm-store(1) has made these addresses and sent them to the
author. To other addresses it does nothing.

A message that is confirmed waits for a moderator if there is DIR/modpost. PROGRAM gets it in the place of that, with
its sender in SENDER; a single word is for a shell.

Environment: SENDER and LOCAL, from qmail-local. QMAILQUEUE names a program to run in place of qmail-queue.

Exit status: 0 it is for another program; 99 it is done; 100 it cannot be done; 111 try again later.
"""

from __future__ import annotations

import os

from qmtwist.agents.lists.confirming import confirm
from qmtwist.rules.lists.moderation import Decision

from .deciding import decide_by_mail


def main(arguments: list[bytes], home: str) -> int:
    """Do it, and say what became of the message."""

    def decide(decision: Decision, words: list[bytes], now: int) -> str:
        return confirm(home, os.curdir, decision, words, now)

    usage = b"dir [program [argument ...]]"
    return decide_by_mail(b"ezmlm-confirm", usage, arguments, (b"confirm", b"discard"), decide)
