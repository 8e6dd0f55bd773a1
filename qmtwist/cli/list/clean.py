"""ezmlm-clean - remove messages to a mailing list that no moderator has decided about

    |ezmlm-clean [-rR] DIR

In the .qmail files of a list, or run by cron: removes what has waited for more than five days, or as many hours as
DIR/modtime says (24 to 240). The author is told if it is a subscriber. What became of other messages is forgotten after
ten days. Messages whose authors have not confirmed them go without a word.

-R, DIR/noreturnposts: no author is told. -r: they are. -m and -M are accepted from ezmlm-idx.

Environment: QMAILQUEUE names a program to run in place of qmail-queue.

Files: DIR/mod/pending, accepted, rejected, unconfirmed; DIR/text/mod-timeout.

Exit status: 0; 100 wrong use; 111 try again later.
"""

from __future__ import annotations

import os
import time

from qmtwist.agents.lists.moderate import clean

from .common import carry_out, enter, take

_NAME = b"ezmlm-clean"


def main(arguments: list[bytes], home: str) -> int:
    """Remove it."""

    def work() -> int:
        line = take(arguments, b"mMrR")
        enter(line.words[0])
        said = [letter for letter in line.values if letter in (b"r", b"R")]
        clean(home, os.curdir, int(time.time()), said[-1] == b"r" if said else None)
        return 0

    return carry_out(_NAME, b"[-rR] dir", work)
