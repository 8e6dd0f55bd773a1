"""qmail-clean: clean up the queue directory

    qmail-clean <commands >answers

Reads commands, each ended by a NUL: `foop/N` removes the files intd and mess of message N, `todo/N` removes intd and
todo. Answers each with one byte: `+` done, `!` a file cannot be removed, `x` not a command. Now and then it removes
files in queue/pid that are older than 36 hours. Run by the queue manager of classic qmail; needs the rights of the
queue's owner.

Exit status: 0 at the end of the commands, 111 when it cannot enter the queue directory.
"""

from __future__ import annotations

import os

from qmtwist.agents.submit.clean import serve
from qmtwist.store.queue.layout import Layout


def main(arguments: list[bytes], home: str) -> int:
    """Arguments are ignored, as in qmail."""
    try:
        os.chdir(home + "/queue")
        serve(Layout("."), 0, 1)
    except BrokenPipeError:
        return 0
    except OSError:
        return 111
    return 0
