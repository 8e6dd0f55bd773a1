"""tai64nfrac - turn precise times into seconds with a fraction

    tai64nfrac

Copies standard input to standard output. A TAI64N stamp at the beginning of a line, as multilog writes it, becomes
seconds since 1970 with nine decimals, which is what matchup reads; everything else stays as it is:

    cat /var/log/qmail/@* /var/log/qmail/current | tai64nfrac | matchup

Exit status: 0 at the end of the input; 111 if it cannot be read or the output cannot be written.

See also: tai64n, tai64nlocal, matchup
"""

from __future__ import annotations

from qmtwist.agents import filtering
from qmtwist.logbook import tai64


def main(arguments: list[bytes], home: str) -> int:
    """Translate until the input ends."""
    lines = tai64.Translation(tai64.fraction)
    return filtering.run(lines.receive, lines.end)
