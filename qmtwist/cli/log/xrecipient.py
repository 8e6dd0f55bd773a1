"""xrecipient - the deliveries to one recipient

    matchup < LOG 5> PENDING | xrecipient CHANNEL.ADDRESS

Copies the lines of matchup for deliveries to this recipient, such as `remote.ann@far.example`. matchup has written
addresses in lower case. The reports can be made of the lines that remain:

    xrecipient remote.ann@far.example < HISTORIES | zoverall

Exit status: 0; 100 for a wrong call; 111 if something cannot be read or written.

See also: matchup
"""

from __future__ import annotations

from qmtwist.logbook.analysis.histories import sent_to

from .matched import select


def main(arguments: list[bytes], home: str) -> int:
    """Copy the lines that belong to it."""
    return select(b"xrecipient", arguments, b"channel.address", sent_to)
