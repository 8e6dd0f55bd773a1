"""ezmlm-manage - answer what people ask a mailing list for

    |ezmlm-manage DIR

In the .qmail-LIST-default file of a list: does what the address of a message asks for, and answers.

    LIST-subscribe, LIST-unsubscribe
        asks whoever is to join or leave to confirm it: that is the sender, or mary@host.example if the address is
        LIST-subscribe-mary=host.example. Nothing changes before they do.
    LIST-sc.TIME.COOKIE-..., LIST-uc.TIME.COOKIE-...
        the confirmation, by an answer to that message within eleven days. What was done is written into DIR/Log.
    LIST-get.123
        sends message 123 of the archive to the sender.
    LIST-get.123_130, LIST-index, LIST-index.123
        sends several messages to the sender, if that is a subscriber, and what there is: see ezmlm-get(1).
    LIST-help
        sends the help to the sender.

Anything else gets the help as well, if the sender is a subscriber and has not had it today; otherwise nothing is sent.
A confirmation that somebody else asks for is sent once an hour to each address. What has been sent is kept in
DIR/answered.

Bounces, messages of lists and messages that have been here are refused. Without DIR/public everything is.

The answers are made of the files in DIR/text, in which a line that begins with !R or !A is replaced by the address that
confirms and the subscriber's. Files that are not there are as those of a new list.

Environment: SENDER and LOCAL, from qmail-local. QMAILQUEUE names a program to run in place of qmail-queue.

Exit status: 0 it is done; 100 it is refused; 111 try again later.
"""

from __future__ import annotations

import os
import time

from qmtwist.agents.lists.manage import Request, manage
from qmtwist.cli.chain import say

from .common import carry_out, enter, take, variable

_NAME = b"ezmlm-manage"


def main(arguments: list[bytes], home: str) -> int:
    """Do it, and say under which number the answer is queued."""

    def work() -> int:
        line = take(arguments, b"")
        request = Request(variable(b"SENDER"), variable(b"LOCAL"), int(time.time()))
        enter(line.words[0])
        number = manage(home, os.curdir, request)
        say(b"ezmlm-manage: info: " + (b"not answered" if number is None else b"qp %d" % number))
        return 0

    return carry_out(_NAME, b"dir", work)
