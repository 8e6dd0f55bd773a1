"""zsendmail - the log in the form of sendmail's

    matchup < LOG 5> PENDING | zsendmail

Prints a line for each attempt and for each message that is gone:

    END qp QP: to=CHANNEL.RECIPIENT, uid=UID, ddelay=S, xdelay=S, stat=Sent|Failed|Deferred (REASON)
    END qp QP: from=<SENDER>, uid=UID, size=BYTES, nrcpts=N, deferrals=N, qtime=S

with times in seconds: since the message was queued (ddelay, qtime), and for the attempt itself (xdelay). Other lines
are copied.

Exit status: 0; 100 for a wrong call; 111 if something cannot be read or written.

See also: matchup
"""

from __future__ import annotations

from qmtwist.logbook.analysis.histories import History
from qmtwist.logbook.analysis.reports import as_sendmail

from .matched import each, wrong_call

NAME = b"zsendmail"


def main(arguments: list[bytes], home: str) -> int:
    """Print standard input in the other form."""
    return wrong_call(NAME, b"") if arguments else each(NAME, _line)


def _line(line: bytes, history: History | None) -> bytes:
    return (line if history is None else as_sendmail(history)) + b"\n"
