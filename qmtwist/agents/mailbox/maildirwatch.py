"""Show what is new in a maildir, again and again. (maildirwatch(1))"""

from __future__ import annotations

import os
import time

from qmtwist.mail.shapes import Callable
from qmtwist.rules.watchtext import CLEAR, summary
from qmtwist.store.durable import write_all
from qmtwist.store.maildirlook import new_messages
from qmtwist.store.refusal import refusing

PAUSE_S = 30.0


def screen(now: int) -> bytes:
    """What is shown of the maildir that is the current directory, at a POSIX second.

    :raises Refused: it cannot be listed.
    """
    return CLEAR + b"".join(summary(beginning) for beginning in new_messages(now))


def watch(maildir: bytes, clock: Callable[[], float] = time.time, pause: Callable[[float], None] = time.sleep) -> None:
    """Show it on descriptor 1 every 30 seconds; come back when nobody looks any more.

    :raises Refused: there is no such maildir, or no more.
    """
    with refusing(b"unable to chdir to " + maildir):
        os.chdir(maildir)
    while True:
        shown = screen(int(clock()))
        try:
            write_all(1, shown)
        except OSError:
            return
        pause(PAUSE_S)
