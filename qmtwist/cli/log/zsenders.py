"""zsenders - senders and what came from them

    matchup < LOG 5> PENDING | zsenders

Prints for each uid and envelope sender, over the messages that are gone: their number (mess), bytes, bytes times
successful recipients (sbytes), bytes times recipients (rbytes), recipients (recips) and attempts (tries); and the
seconds that attempts took, also those for messages that are not gone (xdelay).

Rows are in the order of xdelay.

Exit status: 0; 100 for a wrong call; 111 if something cannot be read or written.

See also: matchup, qmtwist stats
"""

from __future__ import annotations

from .matched import report


def main(arguments: list[bytes], home: str) -> int:
    """Print the report over standard input."""
    return report(b"zsenders", arguments)
