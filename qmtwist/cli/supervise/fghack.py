"""fghack - keep a program in the foreground that puts itself into the background

    fghack PROGRAM [ARGUMENT...]

Runs PROGRAM with a pipe on many descriptors, and waits until nobody holds the pipe any more: not PROGRAM, nor any
process that it left behind. So a supervisor sees the service as up as long as the daemon runs:

    #!/bin/sh
    exec fghack /usr/sbin/inetd

A signal for fghack does not reach the daemon. If the program can be told to stay in the foreground, tell it instead. A
daemon that closes all its descriptors gets away.

Exit status: that of PROGRAM itself, once all is over; 100 without one; 111 if it cannot be run or a signal ended it.

See also: pgrphack
"""

from __future__ import annotations

from qmtwist.agents.supervise import foreground
from qmtwist.cli.chain import become, fatal, say

NAME = b"fghack"


def main(arguments: list[bytes], home: str) -> int:
    """Run it, and wait for what it leaves behind."""
    if not arguments:
        say(b"fghack: usage: fghack child")
        return 100
    try:
        status = foreground.run(lambda: become(NAME, arguments))
    except OSError as error:
        return fatal(NAME, b"unable to start a process", error)
    return status if status >= 0 else fatal(NAME, arguments[0] + b" crashed")
