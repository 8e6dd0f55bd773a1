"""zddist - how soon messages were delivered

    matchup < LOG 5> PENDING | zddist

Prints for each per cent of the successful deliveries, from 10 on, within how many seconds they all had happened since
their messages were queued (doneby), and how long they took on average (avg).

Exit status: 0; 100 for a wrong call; 111 if something cannot be read or written.

See also: matchup, qmtwist stats
"""

from __future__ import annotations

from .matched import report


def main(arguments: list[bytes], home: str) -> int:
    """Print the report over standard input."""
    return report(b"zddist", arguments)
