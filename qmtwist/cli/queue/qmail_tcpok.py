"""qmail-tcpok: forget which hosts did not answer

    qmail-tcpok

Clears the tables that qmail-tcpto prints, so that the next delivery tries every host again. Use it when your own
network was down.

Exit status: 0, 111 when a table cannot be written.
"""

from __future__ import annotations

import os

from qmtwist.store.deadhosts import DeadHosts
from qmtwist.store.durable import write_all
from qmtwist.store.queue.layout import Layout


def main(arguments: list[bytes], home: str) -> int:
    """Clear the tables."""
    try:
        DeadHosts(Layout(f"{home}/queue").tcpto).clear()
    except OSError as error:
        write_all(2, os.fsencode(f"qmail-tcpok: fatal: unable to write {error.filename}: {error.strerror}\n"))
        return 111
    return 0
