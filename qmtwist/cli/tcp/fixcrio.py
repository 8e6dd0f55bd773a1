"""fixcrio - put CRs at the ends of lines, for clients and servers that forget them

    fixcrio PROGRAM [ARGUMENT...]

Runs PROGRAM and stands between it and its descriptors 0 and 1. Whatever passes, in either direction, gets a CR before
each LF that has none. So a client that ends its lines with LF alone can talk to a server that insists on CR LF:

    tcpserver -v -R 0 smtp fixcrio qmail-smtpd

Whether such a client means its bare LF as the end of a line nobody can know: put this before servers of your own
network only.

Exit status: that of PROGRAM; 100 without one; 111 if it cannot be run.

See also: tcpserver, recordio, addcr
"""

from __future__ import annotations

import os

from qmtwist.agents.tcp import copying
from qmtwist.cli.chain import fatal, say
from qmtwist.wire.carriage import FixCr


def main(arguments: list[bytes], home: str) -> int:
    """Become the program; a child mends."""
    if not arguments:
        say(b"fixcrio: usage: fixcrio program [ arg ... ]")
        return 100
    error = copying.stand_between(
        arguments,
        os.environb,
        lambda to_program, from_program: (
            copying.Flow(0, to_program, FixCr()),
            copying.Flow(from_program, 1, FixCr()),
        ),
    )
    return fatal(b"fixcrio", b"unable to run " + arguments[0], error)
