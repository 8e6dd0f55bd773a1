"""cyclog - write standard input into a log that rotates itself

    cyclog [-s SIZE] [-n NUMBER] [-m MARGIN] DIR

The predecessor of multilog, for scripts that call it. Does what `multilog sSIZE nNUMBER ./DIR` does, and leaves the
same files.

    -s SIZE    a file has at most SIZE bytes; 99999
    -n NUMBER  there are NUMBER files, current included; 10
    -m MARGIN  a file is full at a line end in its last MARGIN bytes; 2000

    accustamp | cyclog -s 1000000 -n 20 /var/log/qmail

Exit status: 0 at the end of the input; 100 for a wrong call; 111 if the directory cannot be opened or is locked.

See also: multilog, accustamp
"""

from __future__ import annotations

import os

from qmtwist.agents.log import multilog
from qmtwist.cli.chain import fatal, say
from qmtwist.cli.options import Options, UsageError
from qmtwist.logbook.selection import Action, Rotation, Script, bounded_number, bounded_size
from qmtwist.store.logdir import MARGIN_BYTES, CannotOpen, Patience

NAME = b"cyclog"


def main(arguments: list[bytes], home: str) -> int:
    """Log until the input ends."""
    options = Options(arguments, b"s:n:m:")
    rotation, margin = Rotation(), MARGIN_BYTES
    try:
        for letter, value in options:
            if not value.isdigit():
                raise UsageError(b"")
            if letter == b"s":
                rotation = rotation._replace(size_bytes=bounded_size(int(value[:9])))
            elif letter == b"n":
                rotation = rotation._replace(number=bounded_number(int(value[:9])))
            else:
                margin = int(value[:9])
    except UsageError:
        return _usage()
    if len(options.rest) != 1:
        return _usage()
    os.umask(0o022)
    signals = multilog.Signals()
    script = Script(False, [Action(b"/", options.rest[0], rotation)])
    try:
        destinations = multilog.Destinations(script, Patience(NAME), min(margin, rotation.size_bytes - 1))
    except CannotOpen as trouble:
        return fatal(NAME, trouble.text, trouble.error)
    try:
        multilog.run(destinations, signals)
    except OSError as error:
        return fatal(NAME, b"unable to read input", error)
    return 0


def _usage() -> int:
    say(b"cyclog: usage: cyclog [ -s size ] [ -n number ] [ -m margin ] dir")
    return 100
