"""readproctitle - show the last errors in the list of processes

    readproctitle WORD... DOTS

Reads standard input and shifts every byte into the last word of its own command line, DOTS, from the right, so that ps
shows what came last. Three dots stay at the left. For programs whose errors nobody else can take:

    svscan /service 2>&1 | readproctitle service errors: ........................................

Needs /proc.

Exit status: 0 at the end of the input; 100 without a last word of five bytes or more; 111 if the input cannot be read
or the command line cannot be changed.

See also: svscanboot, svscan
"""

from __future__ import annotations

import os

from qmtwist.agents.supervise.proctitle import LastArgument
from qmtwist.cli.chain import fatal

NAME = b"readproctitle"
_SHORTEST = 5
_READ_BYTES = 4096


def main(arguments: list[bytes], home: str) -> int:
    """Show what comes until the input ends."""
    if not arguments or len(arguments[-1]) < _SHORTEST:
        return 100
    try:
        shown = LastArgument(len(arguments[-1]))
        while data := os.read(0, _READ_BYTES):
            shown.receive(data)
    except OSError as error:
        return fatal(NAME, b"unable to show errors", error)
    return 0
