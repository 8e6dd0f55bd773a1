"""qmail-queue: queue a mail message for delivery

    qmail-queue <message 1<envelope

Reads a message from descriptor 0 and its envelope from descriptor 1: `F`, the sender, a NUL; for each recipient `T`,
the address, a NUL; and a final NUL. Puts a Received line on top that tells the caller's uid, changes nothing else, and
exits 0 when the message is safely queued. No address is checked.

While the mail server runs, the message is handed to it over the socket queue/lock/injection; otherwise it is written
to the queue directory, where the server finds it later. Either way those whom control/queueextra names, one in each
line, become recipients too, before the others: they get a copy of every message. If the server disappears while it
takes the message, the exit status is 74, and the caller should try again.

Exit status: 0 queued; 11 address longer than 1002 bytes; 51 out of memory, or more than 1,000,000 recipients or 64 MB
of envelope; 52 took more than 24 hours; 53 write error, perhaps disk full; 54 read error, or end of file in the
envelope; 55 control/queueextra cannot be read; 61 no home directory; 62 no queue directory; 63, 64, 65, 66 trouble with
a file in pid, mess, intd, todo; 71 the server takes nothing now; 74 connection to the server lost; 81 internal bug; 91
envelope format error.
"""

from __future__ import annotations

import os

from qmtwist.agents.submit.queue import Exit, enqueue
from qmtwist.store.signals import signal

DEATH_S = 86400


def main(arguments: list[bytes], home: str) -> int:
    """Arguments are ignored, as in qmail."""
    for nuisance in (signal.SIGPIPE, signal.SIGVTALRM, signal.SIGPROF, signal.SIGQUIT, signal.SIGINT, signal.SIGHUP,
                     signal.SIGXCPU, signal.SIGXFSZ):  # fmt: skip
        signal.signal(nuisance, signal.SIG_IGN)
    # No cleanup on purpose: what is left is older than its writer soon enough.
    signal.signal(signal.SIGALRM, lambda number, frame: os._exit(Exit.TIMEOUT))
    signal.alarm(DEATH_S)
    try:
        return int(enqueue(home, 0, 1))
    except MemoryError:
        return 51
