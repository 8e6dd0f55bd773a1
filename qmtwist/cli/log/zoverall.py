"""zoverall - basic statistics of deliveries

    matchup < LOG 5> PENDING | zoverall

Prints how many messages and recipients there were, how many attempts were made for them, bytes, and times: qtime (a
message in the queue), ddelay (a successful delivery, from the birth of the message), xdelay (one attempt), each in
seconds; the time span in days, and the average concurrency, which is the total xdelay over that span.

Exit status: 0; 100 for a wrong call; 111 if something cannot be read or written.

See also: matchup, qmtwist stats
"""

from __future__ import annotations

from .matched import report


def main(arguments: list[bytes], home: str) -> int:
    """Print the report over standard input."""
    return report(b"zoverall", arguments)
