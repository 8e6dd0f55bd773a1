"""ezmlm-warn - write to subscribers whose mail comes back

    |ezmlm-warn [-dD] [-t DAYS] DIR

In the .qmail files of a list, or run by cron: whoever's messages of the list have begun to come back more than eleven
and a half days ago gets a warning, which says which they have missed. If the warning has come back, and as many days
have passed, they get a probe. If that comes back, ezmlm-return(1) takes them off the list.

The same is done for those whose digests come back, with the numbers of their first messages.

-d: only for digests; -D: not for digests.
-t DAYS: wait so long instead; for a list with many messages a few days are enough.

One run writes at most 500 letters; the next one goes on. What has led to nothing for three times as long is removed.

Environment: QMAILQUEUE names a program to run in place of qmail-queue.

Files: DIR/bounce and DIR/digest/bounce; DIR/text/bounce-warn, bounce-probe, bounce-num, dig-bounce-num, bounce-bottom
and top.

Exit status: 0; 100 wrong use; 111 try again later.
"""

from __future__ import annotations

import os
import time

from qmtwist.agents.lists.warn import PARTS, PATIENCE_S, warn
from qmtwist.cli.options import UsageError

from .common import carry_out, enter, take

_NAME = b"ezmlm-warn"
_DAY_S = 86400


def main(arguments: list[bytes], home: str) -> int:
    """Write to them."""

    def work() -> int:
        line = take(arguments, b"dDt:")
        days = line.values.get(b"t", b"0")
        if not days.isdigit() or len(days) > 5:
            raise UsageError(b"")
        enter(line.words[0])
        parts = tuple([part for part in PARTS if (b"D" if part else b"d") not in line.values])
        warn(home, os.curdir, int(time.time()), int(days) * _DAY_S or PATIENCE_S, parts)
        return 0

    return carry_out(_NAME, b"[-dD] [-t days] dir", work)
