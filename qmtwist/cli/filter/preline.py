"""preline - give a program the message with the lines that mail programs expect in front

    |preline [-frdFRD] COMMAND [ARGUMENT...]

In a .qmail file: runs COMMAND with the From_ line, the Return-Path line and the Delivered-To line of this delivery and
then the message on its standard input. Programs that were made for other mail systems, such as procmail and vacation,
want that.

    -f -F   without the From_ line, or with it (-F)
    -r -R   without the Return-Path line, or with it (-R)
    -d -D   without the Delivered-To line, or with it (-D)

Environment: UFLINE, RPLINE and DTLINE, from qmail-local.

Exit status: that of COMMAND; 100 for a wrong call, or if there is no COMMAND that can be run; 111 if it crashed or
cannot be run now, or the message cannot be read.
"""

from __future__ import annotations

import os

from qmtwist.agents.filter.feeding import feed
from qmtwist.cli.chain import fatal, say
from qmtwist.cli.options import Options, UsageError
from qmtwist.mail.errors import MailError, Permanent

NAME = b"preline"
_VARIABLES = {b"f": b"UFLINE", b"r": b"RPLINE", b"d": b"DTLINE"}


def main(arguments: list[bytes], home: str) -> int:
    """Choose the lines, then feed the command."""
    dropped: set[bytes] = set()
    options = Options(arguments, b"frdFRD")
    try:
        for letter, _ in options:
            if letter.islower():
                dropped.add(letter)
            else:
                dropped.discard(letter.lower())
    except UsageError as error:
        say(NAME + b": " + error.complaint)
        return _usage()
    if not options.rest or not os.environb.keys() >= set(_VARIABLES.values()):
        return _usage()
    lines = b"".join([os.environb[name] for letter, name in _VARIABLES.items() if letter not in dropped])
    try:
        return feed(options.rest, lines)
    except MailError as error:
        return fatal(NAME, os.fsencode(error.text), status=100 if isinstance(error, Permanent) else 111)


def _usage() -> int:
    say(b"preline: usage: preline cmd [ arg ... ]")
    return 100
