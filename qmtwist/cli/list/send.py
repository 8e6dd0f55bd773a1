"""ezmlm-send - send a message to the subscribers of a mailing list

    |ezmlm-send DIR

In the .qmail file of a list: sends the message to every subscriber of the list in DIR, with one entry in the queue. Its
envelope sender is LOCAL-return-NUMBER-@HOST-@[]: each subscriber's copy says whose it is when it bounces.

A message is refused if it is a bounce, has been at this list (a Delivered-To field says so), or comes from a mailing
list (it has a Mailing-List field). If DIR/sublist has the address of another list, only messages from that list are
accepted.

Taken from the header are the fields that DIR/headerremove names; added are Mailing-List from DIR/mailinglist, the lines
of DIR/headeradd, and Delivered-To. DIR/prefix is put before subjects that do not have it, and DIR/text/trailer behind
the body of messages that are plain text. With DIR/archived a copy is kept in DIR/archive; message 1234 is 12/34, and
its owner may execute it when it is complete. With DIR/indexed its subject and author are written into 12/index. In
DIR/headeradd and the trailer `<#l#>@<#h#>` is the list's address and `<#n#>` the number of the message.

With DIR/dmarc a message whose author is of a domain that tells receivers to refuse mail from elsewhere (p=quarantine
or p=reject of DMARC) goes out From the list; its author's field becomes Reply-To, unless there is one, and
X-Original-From. So does one whose author's domain cannot be looked up now. The archive keeps the author's From. A
sublist leaves messages as its parent sends them.

With DIR/oneclick every subscriber's copy has a List-Unsubscribe field of its own, with an address, and a link if
control/unsubscribeurl is there, by which it leaves the list with one click (RFC 8058). The file holds a secret, and
gets one if it is empty. That is so while the server of this home runs, and for lists with DIR/public. A
List-Unsubscribe that is a link of that kind is taken from messages.

-c, -C, -l, -L, -q, -Q, -r and -R are accepted from ezmlm-idx.

Environment: SENDER, from qmail-local. QMAILQUEUE names a program to run in place of qmail-queue.

Files: DIR/num has the number of the last message, and the size of all.

Exit status: 0 it is sent; 100 it is refused; 111 try again later.
"""

from __future__ import annotations

import os

from qmtwist.agents.lists.send import send
from qmtwist.cli.chain import say

from .common import carry_out, enter, take

_NAME = b"ezmlm-send"


def main(arguments: list[bytes], home: str) -> int:
    """Send it, and say under which number it is queued."""

    def work() -> int:
        line = take(arguments, b"cClLqQrR")
        enter(line.words[0])
        say(b"ezmlm-send: info: qp %d" % send(home, ".", os.environb.get(b"SENDER")))
        return 0

    return carry_out(_NAME, b"dir", work)
