"""xsender - what became of the mail of one sender

    matchup < LOG 5> PENDING | xsender ADDRESS

Copies the lines of matchup, deliveries and messages, for mail whose envelope sender is ADDRESS; the empty one is
that of bounces. matchup has written addresses in lower case. The reports can be made of the lines that remain:

    xsender joe@example.org < HISTORIES | zoverall

Exit status: 0; 100 for a wrong call; 111 if something cannot be read or written.

See also: matchup
"""

from __future__ import annotations

from qmtwist.logbook.analysis.histories import sent_by

from .matched import select


def main(arguments: list[bytes], home: str) -> int:
    """Copy the lines that belong to it."""
    return select(b"xsender", arguments, b"address", sent_by)
