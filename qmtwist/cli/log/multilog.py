"""multilog - write the lines of standard input into logs that rotate themselves

    multilog ACTION...

The actions are done from left to right for every line. A line is selected at first.

    t        must be the first one: begin every line with a TAI64N stamp and a blank (see tai64nlocal)
    -PATTERN deselect the line if it matches
    +PATTERN select the line if it matches
    e        copy the line, if selected, to standard error; its first 200 bytes
    =FILE    write the line, if selected, to FILE in place of the one before; 1000 bytes of it, padded with newlines
             to 1001
    sSIZE    the directories that follow have files of at most SIZE bytes; 99999, from 4096 to 16777215
    nNUMBER  the directories that follow have NUMBER files, current included; 10, at least 2
    !COMMAND old files of the directories that follow are passed through `sh -c COMMAND`
    DIR      if it begins with a dot or a slash: write the line, if selected, to the log in this directory

A PATTERN is for the whole line, of which 1000 bytes are looked at, with the stamp. A star in it takes all up to the
first occurrence of the byte after the star, a star at the end takes the rest; everything else stands for itself.

    multilog t '-*' '+* fatal: *' ./errors

FILES

A directory is made if need be. In it:

    current   what was written last. Mode 644 while it is open, 744 once it has been closed in order
    @STAMP.s  an old file, complete and safe on disk, finished at that time; after a processor, its output
    @STAMP.u  a file that somebody, or a power cut, has kept from being finished
    state     what the processor wrote to descriptor 5; the next one can read it on descriptor 4
    lock      locked, so that two multilogs do not write to one log

When current is nearly full, at the end of a line, it becomes an old file. The oldest one is then removed, so that
NUMBER - 1 are left. A COMMAND has the old file as its standard input; its standard output is kept instead. If it does
not exit 0 it is run again.

TROUBLE

If a disk is full, or refuses for another reason, multilog warns, waits five seconds and tries again, for ever: no line
is lost, but whoever writes them has to wait when the pipe is full.

SIGNALS

ALRM: begin new files now. TERM: read up to the end of the line, close all and exit; not a byte more is taken from
standard input, so that another multilog can go on there.

Exit status: 0 at the end of the input, whose last line gets a newline if it has none; 111 if a directory cannot be
opened or somebody else has locked it, before anything is read.

See also: tai64n, tai64nlocal, cyclog, splogger, supervise
"""

from __future__ import annotations

import os

from qmtwist.agents.log import multilog
from qmtwist.cli.chain import fatal
from qmtwist.logbook.selection import read_script
from qmtwist.store.logdir import CannotOpen, Patience

NAME = b"multilog"


def main(arguments: list[bytes], home: str) -> int:
    """Log until the input ends."""
    os.umask(0o022)
    signals = multilog.Signals()
    try:
        destinations = multilog.Destinations(read_script(arguments), Patience(NAME))
    except CannotOpen as trouble:
        return fatal(NAME, trouble.text, trouble.error)
    try:
        multilog.run(destinations, signals)
    except OSError as error:
        return fatal(NAME, b"unable to read input", error)
    return 0
