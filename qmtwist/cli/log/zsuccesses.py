"""zsuccesses - reasons for success

    matchup < LOG 5> PENDING | zsuccesses

Prints for each reason how many attempts ended with it (del), and how many seconds they took together (xdelay).

Rows are in the order of xdelay.

Exit status: 0; 100 for a wrong call; 111 if something cannot be read or written.

See also: matchup, qmtwist stats
"""

from __future__ import annotations

from .matched import report


def main(arguments: list[bytes], home: str) -> int:
    """Print the report over standard input."""
    return report(b"zsuccesses", arguments)
