"""tai64n - put a precise time before every line

    tai64n

Copies standard input to standard output, with a TAI64N stamp and a blank before every line: `@`, 24 hexadecimal digits,
the moment when the first byte of the line was read.

Exit status: 0 at the end of the input; 111 if it cannot be read or the output cannot be written.

See also: tai64nlocal, tai64nfrac, multilog
"""

from __future__ import annotations

import time

from qmtwist.agents import filtering
from qmtwist.logbook import tai64


def main(arguments: list[bytes], home: str) -> int:
    """Stamp until the input ends."""
    lines = tai64.Prefixing()
    return filtering.run(lambda data: lines.receive(data, lambda: tai64.stamp(time.time_ns()) + b" "))
