"""ezmlm-get - send messages of a mailing list's archive to those who ask for them

    |ezmlm-get [-s] DIR

In the .qmail-LIST-default file of a list, above ezmlm-manage: answers the commands for the archive and stops the
delivery then. Everything else is left to the lines below.

    LIST-get.123        message 123
    LIST-get.123_130    messages 123 to 130, each a part of one letter: 100 messages or 4 megabytes at most
    LIST-index          the subjects and authors of the latest messages, in hundreds
    LIST-index.123      the same around message 123

The answer goes to the sender. Several messages at once go to subscribers only. ezmlm-manage(1) does the same for lists
that do not need -s.

-s: everything goes to subscribers only.

Environment: SENDER and LOCAL, from qmail-local. QMAILQUEUE names a program to run in place of qmail-queue.

Exit status: 0 it is another command; 99 it is done; 100 it is refused; 111 try again later.
"""

from __future__ import annotations

import os
import time

from qmtwist.agents.lists.manage import Request, is_for_archive, manage
from qmtwist.cli.chain import say

from .common import carry_out, enter, take, variable

_NAME = b"ezmlm-get"


def main(arguments: list[bytes], home: str) -> int:
    """Answer, and say under which number it is queued."""

    def work() -> int:
        line = take(arguments, b"s")
        request = Request(variable(b"SENDER"), variable(b"LOCAL"), int(time.time()))
        enter(line.words[0])
        if not is_for_archive(os.curdir, request):
            return 0
        number = manage(home, os.curdir, request, b"s" in line.values)
        say(b"ezmlm-get: info: " + (b"not answered" if number is None else b"qp %d" % number))
        return 99

    return carry_out(_NAME, b"[-s] dir", work)
