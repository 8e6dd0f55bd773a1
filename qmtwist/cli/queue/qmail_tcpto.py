"""qmail-tcpto: print the hosts that did not answer

    qmail-tcpto

A line for each address that connections timed out to lately, IPv4 from queue/lock/tcpto and IPv6 from tcpto6 beside it:

    192.0.2.1 timed out 300 seconds ago; # recent timeouts: 2

From the second timeout on an address is left alone for an hour or so; an answer, or qmail-tcpok, ends that.

Exit status: 0, 111 when a table cannot be read.
"""

from __future__ import annotations

import os
import sys
import time

from qmtwist.store.deadhosts import DeadHosts
from qmtwist.store.durable import write_all
from qmtwist.store.queue.layout import Layout


def main(arguments: list[bytes], home: str) -> int:
    """Print the tables."""
    try:
        records = DeadHosts(Layout(f"{home}/queue").tcpto).records()
    except OSError as error:
        write_all(2, os.fsencode(f"qmail-tcpto: fatal: unable to read {error.filename}: {error.strerror}\n"))
        return 111
    now = int(time.time())
    for record in records:
        age = max(0, now - record.when)
        sys.stdout.write(f"{record.address} timed out {age} seconds ago; # recent timeouts: {record.timeouts}\n")
    return 0
