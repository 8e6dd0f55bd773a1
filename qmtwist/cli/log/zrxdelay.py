"""zrxdelay - the best order of recipients for a mailing list

    matchup < LOG 5> PENDING | zrxdelay

Prints for each recipient how many seconds an attempt took on average (avg), and how many there were (tries), the
fastest first: a list in this order keeps slow hosts from holding up the others.

Exit status: 0; 100 for a wrong call; 111 if something cannot be read or written.

See also: matchup, qmtwist stats
"""

from __future__ import annotations

from .matched import report


def main(arguments: list[bytes], home: str) -> int:
    """Print the report over standard input."""
    return report(b"zrxdelay", arguments)
