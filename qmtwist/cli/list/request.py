"""ezmlm-request - understand commands to a mailing list in the subject of a message

    |ezmlm-request DIR

In the .qmail-LIST-default file of a list, above ezmlm-manage: a message to LIST-request has its command in the subject,
or else in the first line of its body that begins with a letter, as with other list programs. What ezmlm-manage(1) does
for the address of this command is done. Everything else is left to the lines below.

    subscribe                              LIST-subscribe
    subscribe list@host.example mary@there.example
                                           LIST-subscribe-mary=there.example
    get 12, get 12 20                      LIST-get.12, LIST-get.12_20
    list-get.12@host.example               the same as an address

ezmlm-manage(1) does this as well: this program is for lists of ezmlm-idx, which call it. A command for another list is
one that nobody understands, which is answered to subscribers only.

Environment: SENDER and LOCAL, from qmail-local. QMAILQUEUE names a program to run in place of qmail-queue.

Exit status: 0 the message is for another address; 99 it is done; 100 it is refused; 111 try again later.
"""

from __future__ import annotations

import os
import time

from qmtwist.agents.lists.manage import action_of, manage
from qmtwist.agents.lists.saying import Request
from qmtwist.agents.lists.wishes import wishes
from qmtwist.cli.chain import say
from qmtwist.store.lists.directory import ListDirectory

from .common import carry_out, enter, take, variable

_NAME = b"ezmlm-request"


def main(arguments: list[bytes], home: str) -> int:
    """Do what the message says, and say under which number the answer is queued."""

    def work() -> int:
        line = take(arguments, b"")
        sender, local = variable(b"SENDER"), variable(b"LOCAL")
        enter(line.words[0])
        if action_of(os.curdir, local).lower() != b"request":
            return 0
        request = Request(sender, local, int(time.time()))
        number = manage(home, os.curdir, request, wishes(ListDirectory(os.curdir), b""))
        say(b"ezmlm-request: info: " + (b"not answered" if number is None else b"qp %d" % number))
        return 99

    return carry_out(_NAME, b"dir", work)
