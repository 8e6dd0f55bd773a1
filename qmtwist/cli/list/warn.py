"""ezmlm-warn - write to subscribers whose mail comes back

    |ezmlm-warn [-t DAYS] DIR

In the .qmail files of a list, or run by cron: whoever's messages of the list have begun to come back more than eleven
and a half days ago gets a warning, which says which they have missed. If the warning has come back, and as many days
have passed, they get a probe. If that comes back, ezmlm-return(1) takes them off the list.

-t DAYS: wait so long instead; for a list with many messages a few days are enough.

One run writes at most 500 letters; the next one goes on. What has led to nothing for three times as long is removed.

Environment: QMAILQUEUE names a program to run in place of qmail-queue.

Files: DIR/bounce; DIR/text/bounce-warn, bounce-probe, bounce-num, bounce-bottom and top.

Exit status: 0; 100 wrong use; 111 try again later.
"""

from __future__ import annotations

import os
import time

from qmtwist.agents.lists.warn import PATIENCE_S, warn
from qmtwist.cli.options import UsageError

from .common import carry_out, enter, take

_NAME = b"ezmlm-warn"
_DAY_S = 86400


def main(arguments: list[bytes], home: str) -> int:
    """Write to them."""

    def work() -> int:
        line = take(arguments, b"t:")
        days = line.values.get(b"t", b"0")
        if not days.isdigit() or len(days) > 5:
            raise UsageError(b"")
        enter(line.words[0])
        warn(home, os.curdir, int(time.time()), int(days) * _DAY_S or PATIENCE_S)
        return 0

    return carry_out(_NAME, b"[-t days] dir", work)
