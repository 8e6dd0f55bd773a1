"""ezmlm-idx - make the index of a mailing list's archive

    ezmlm-idx [-dD] [-f FROM] [-t TO] DIR

Writes archive/N/index anew for the messages in the archive of the list in DIR, whose path begins with a slash, and
makes DIR/indexed: from now on ezmlm-send(1) writes each message into the index. People read it by LIST-index.

-d: the dates in it are those of the Date fields, for messages that were brought from another archive; -D: those of the
messages' arrival (as without).
-f FROM, -t TO: only for the hundreds with these messages and those in between.

Exit status: 0; 100 wrong use; 111 it cannot be made now, and some of it may be.
"""

from __future__ import annotations

import os

from qmtwist.agents.lists.indexing import make_index
from qmtwist.cli.options import UsageError

from .common import carry_out, enter, take

_NAME = b"ezmlm-idx"


def main(arguments: list[bytes], home: str) -> int:
    """Make it."""

    def work() -> int:
        line = take(arguments, b"dDf:t:")
        first, last = line.values.get(b"f", b"0"), line.values.get(b"t", b"999999999")
        if not all(text.isdigit() and len(text) < 10 for text in (first, last)):
            raise UsageError(b"")
        enter(line.words[0])
        flags = b"".join(line.values)  # of two that contradict each other the last one counts
        make_index(os.curdir, int(first), int(last), flags.rfind(b"d") > flags.rfind(b"D"))
        return 0

    return carry_out(_NAME, b"[-dD] [-f from] [-t to] dir", work)
