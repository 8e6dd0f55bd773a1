"""ezmlm-return - take what comes back to a mailing list

    |ezmlm-return [-dD] DIR

In the .qmail-LIST-return-default file of a list: finds out from the address which subscriber a message is about.

    LIST-return-NUMBER-mary=host.example
        message NUMBER to mary@host.example has come back. The first one is kept, and the numbers of all: ezmlm-warn(1)
        writes to her about them.
    LIST-return-NUMBER-
        the same; the addresses are looked for in the bounce. It must be as qmail writes them, or a delivery status
        notification (RFC 3464), as most hosts do, or have a field X-Failed-Recipients, as Exim does.
    LIST-return-warn-TIME.COOKIE-mary=host.example
        the warning has come back. It is kept: ezmlm-warn sends a probe.
    LIST-return-probe-TIME.COOKIE-mary=host.example
        the probe has come back: mary@host.example is taken off the list. DIR/Log has a line with -probe.

    LIST-digest-return-...
        the same for digests: who has not got any is on DIR/digest, and what is kept in DIR/digest/bounce.
    LIST-digest-return-receipt-...
        a digest has been in the queue: see ezmlm-get(1).

-d, -D: accepted from ezmlm-idx; the address says whether it is about a digest.

Messages about somebody who is not on the list are ignored, and so are cookies that are not ours or more than 35 days
old. Of a message 64 kilobytes are kept.

Environment: SENDER and LOCAL, from qmail-local.

Files: DIR/bounce, DIR/digest/bounce.

Exit status: 99 it is done, and the lines below need not be obeyed; 100 the address is not one of this list; 111 try
again later.
"""

from __future__ import annotations

import os
import time

from qmtwist.agents.lists.returned import Arrival, take_back
from qmtwist.cli.chain import say

from .common import carry_out, enter, take, variable

_NAME = b"ezmlm-return"


def main(arguments: list[bytes], home: str) -> int:
    """Take it."""

    def work() -> int:
        line = take(arguments, b"dD")
        arrival = Arrival(variable(b"SENDER"), variable(b"LOCAL"), int(time.time()))
        enter(line.words[0])
        if not take_back(os.curdir, arrival):
            say(b"ezmlm-return: info: trash address")
        return 99

    return carry_out(_NAME, b"[-dD] dir", work)
