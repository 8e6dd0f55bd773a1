"""qmail-qstat: summarize status of mail queue

    qmail-qstat

Prints how many messages are in the queue, and how many of these have not been preprocessed yet. Messages that the
running server keeps in its journal are counted as well. Needs the right to read the queue directory.

Exit status: 0; 111 when the queue directory cannot be read.
"""

from __future__ import annotations

import os

from qmtwist.agents.submit.injection import ask_queue
from qmtwist.store import durable
from qmtwist.store.queue.layout import Layout
from qmtwist.store.queue.scan import scan_mess, scan_todo


def main(arguments: list[bytes], home: str) -> int:
    """Arguments are ignored, as in qmail."""
    layout = Layout(".")
    try:
        os.chdir(home + "/queue")
        numbers = set(ask_queue(layout.socket))
        numbers.update(scan_mess(layout))
        waiting = sum(1 for _ in scan_todo(layout))
    except OSError as error:
        durable.write_all(2, f"qmail-qstat: fatal: unable to read the queue: {error.strerror}\n".encode())
        return 111
    text = f"messages in queue: {len(numbers)}\nmessages in queue but not yet preprocessed: {waiting}\n"
    durable.write_all(1, text.encode())
    return 0
