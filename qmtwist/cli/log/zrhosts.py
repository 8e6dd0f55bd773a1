"""zrhosts - hosts of recipients and what was sent to them

    matchup < LOG 5> PENDING | zrhosts

Prints for each host, which is what stands behind the last @ of a recipient: bytes successfully delivered (sbytes),
messages that succeeded or failed (mess), attempts (tries), and the seconds that they took together (xdelay).

Rows are in the order of xdelay.

Exit status: 0; 100 for a wrong call; 111 if something cannot be read or written.

See also: matchup, qmtwist stats
"""

from __future__ import annotations

from .matched import report


def main(arguments: list[bytes], home: str) -> int:
    """Print the report over standard input."""
    return report(b"zrhosts", arguments)
