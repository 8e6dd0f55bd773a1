"""How a program that takes a message says by its exit status what became of it."""

from __future__ import annotations

from qmtwist.mail.shapes import NamedTuple


class Exits(NamedTuple):
    """An exit status for each reason; 0 is that the message is queued."""

    usage: int  # called wrongly, or nobody is to get the message
    data: int  # the message or an address cannot be understood
    refused: int  # the queue does not take it, now or later
    later: int  # nothing was queued, and the same message may be taken another time


QMAIL = Exits(100, 100, 100, 111)
SYSEXITS = Exits(64, 65, 69, 75)
"""EX_USAGE, EX_DATAERR, EX_UNAVAILABLE, EX_TEMPFAIL: what callers of sendmail know. (sysexits(3))"""

UNKNOWN_USER = 67  # EX_NOUSER
NOT_PERMITTED = 77  # EX_NOPERM
