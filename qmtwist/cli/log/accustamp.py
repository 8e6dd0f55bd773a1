"""accustamp - put the time in seconds before every line

    accustamp

Copies standard input to standard output, with the time before every line: seconds since 1970 with six decimals, and a
blank. matchup and the programs behind it read such logs:

    qmail-start ./Mailbox accustamp

Exit status: 0 at the end of the input; 111 if it cannot be read or the output cannot be written.

See also: tai64n, tai64nfrac, cyclog, splogger
"""

from __future__ import annotations

import time

from qmtwist.agents import filtering
from qmtwist.logbook import tai64


def main(arguments: list[bytes], home: str) -> int:
    """Stamp until the input ends."""
    lines = tai64.Prefixing()
    return filtering.run(lambda data: lines.receive(data, _seconds))


def _seconds() -> bytes:
    return b"%d.%06d " % divmod(time.time_ns() // 1000, 10**6)
