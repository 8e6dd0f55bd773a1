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
import time

from qmtwist.agents.lists.confirming import confirm
from qmtwist.agents.lists.manage import action_of
from qmtwist.cli.chain import say
from qmtwist.rules.lists.heading import refuse_bounce
from qmtwist.rules.lists.moderation import parse

from .common import carry_out, enter, take, variable

_NAME = b"ezmlm-confirm"


def main(arguments: list[bytes], home: str) -> int:
    """Do it, and say what became of the message."""

    def work() -> int:
        line = take(arguments, b"cCmMrR")
        sender, local = variable(b"SENDER"), variable(b"LOCAL")
        enter(line.words[0])
        decision = parse(action_of(os.curdir, local))
        if decision is None or decision.word not in (b"confirm", b"discard"):
            return 0
        refuse_bounce(sender)
        found = confirm(home, os.curdir, decision, line.words[1:], int(time.time()))
        say(b"ezmlm-confirm: info: " + found.encode())
        return 99

    return carry_out(_NAME, b"dir [program [argument ...]]", work)
