"""setlock - run a program with a file locked

    setlock [-nNxX] FILE PROGRAM [ARGUMENT...]

Opens FILE for appending, creates it if need be, and locks it (flock, exclusively); then runs PROGRAM, which has the
lock until it ends and so have the programs that it starts.

    -n -N   if another process has the lock, give up at once, or wait for it (-N)
    -x -X   if FILE cannot be opened or locked, say nothing and exit 0; or complain and exit 111 (-X)

Exit status: that of PROGRAM; 100 for a wrong call; 111 if there is no lock, or PROGRAM cannot be run.
"""

from __future__ import annotations

import fcntl
import os

from qmtwist.cli.chain import become, fatal, say
from qmtwist.cli.options import Options, UsageError

NAME = b"setlock"


def main(arguments: list[bytes], home: str) -> int:
    """Lock, then become the program."""
    options, waits, complains = Options(arguments, b"nNxX"), True, True
    try:
        for letter, _ in options:
            if letter in (b"n", b"N"):
                waits = letter == b"N"
            else:
                complains = letter == b"X"
    except UsageError as error:
        say(NAME + b": " + error.complaint)
        return _usage()
    if len(options.rest) < 2:
        return _usage()
    file, *command = options.rest
    step = b"unable to open "
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_NONBLOCK | os.O_APPEND | os.O_CREAT, 0o600)
        step = b"unable to lock "
        fcntl.flock(descriptor, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return fatal(NAME, step + file, error) if complains else 0
    os.set_inheritable(descriptor, True)
    return become(NAME, command)


def _usage() -> int:
    say(b"setlock: usage: setlock [ -nNxX ] file program [ arg ... ]")
    return 100
