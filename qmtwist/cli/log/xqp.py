"""xqp - the history of one message

    matchup < LOG 5> PENDING | xqp QP

Copies the lines of matchup that belong to the message with the queueing number QP: its deliveries and its end. The
number is in the log (`qp`), and programs that queue mail tell it. It may come again after some time. The reports can be
made of the lines that remain:

    xqp 18695 < HISTORIES | zoverall

Exit status: 0; 100 for a wrong call; 111 if something cannot be read or written.

See also: matchup
"""

from __future__ import annotations

from qmtwist.logbook.analysis.histories import queued_as

from .matched import select


def main(arguments: list[bytes], home: str) -> int:
    """Copy the lines that belong to it."""
    return select(b"xqp", arguments, b"qp", queued_as)
