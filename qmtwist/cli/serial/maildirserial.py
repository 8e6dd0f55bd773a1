"""maildirserial: send the messages of a maildir, one after the other

    maildirserial [ -b ] [ -t SECONDS ] DIR PREFIX CLIENT [ ARG ... ]

Runs CLIENT in the maildir DIR, gives it the names of the messages there, each ended by a NUL, on descriptor 0, the
oldest first, and reads `NAME NUL LETTER TEXT LF` from its descriptor 1: K it was sent, and the file is removed; Z not
now; D never. What comes into DIR meanwhile is offered to another CLIENT when this one has ended; what failed is not
offered again.

Only messages are sent whose second line is `Delivered-To: PREFIX...`, as qmail-local writes it into a maildir to which
a virtual domain's mail is delivered; if PREFIX is empty, all.

-b: a message that failed for good is sent back to its sender, with a text that says why, and removed. Its first line
is `Return-Path: <SENDER>`. A bounce that fails goes to the postmaster; what fails then, too, is thrown away.

-t SECONDS: a message that could not be sent and is older than this has failed for good.

What happens is written to descriptor 2, a line each, such as `maildirserial: info: NAME succeeded: TEXT`.

Control files, with -b: bouncefrom, bouncehost, doublebounceto, doublebouncehost, me.

Exit status: 0 everything was sent (or sent back); 111 something is left, or CLIENT could not be run, or had no answer
to anything three times in a row; 100 wrong arguments, or CLIENT ended with 100.
"""

from __future__ import annotations

from qmtwist.agents.serial.maildirserial import PERMANENT, Options, run
from qmtwist.cli.options import Options as CommandLine
from qmtwist.cli.options import UsageError
from qmtwist.store.durable import write_all

_USAGE = b"maildirserial: usage: maildirserial [ -b ] [ -t lifetime ] dir prefix client [ arg ... ]\n"


def main(arguments: list[bytes], home: str) -> int:
    """See the module."""
    is_bouncing, lifetime_s = False, None
    line = CommandLine(arguments, b"bt:")
    try:
        for letter, value in line:
            if letter == b"b":
                is_bouncing = True
            elif value.isdigit():
                lifetime_s = int(value[:20])
            else:
                raise UsageError(b"-t takes a number of seconds")
        directory, prefix, *client = line.rest
    except (UsageError, ValueError):
        write_all(2, _USAGE)
        return PERMANENT
    if not client:
        write_all(2, _USAGE)
        return PERMANENT
    return run(directory, Options(prefix, tuple(client), is_bouncing, lifetime_s), home)
