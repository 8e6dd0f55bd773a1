r"""setforward: create a table of forwarding instructions

    setforward data.cdb data.tmp

Reads instructions from standard input and writes them into the database data.cdb for fastforward. It is written as
data.tmp, which must be in the same file system, and then takes the place of the old one in one step.

An instruction is `target: command, command, ... ;`. A target is user@host, @host (every user there), or user@ (at
every host). A command is an address, perhaps with an `&` before it; `?address`, who gets the bounces of mail to the
target; `|program`; `!program`, which gets the From, Return-Path and Delivered-To lines before the message; or the name
of a list made by setmaillist, which begins with `.` or `/`. Blanks and line ends have no meaning, not even inside of
words; `#` begins a comment; a character after a backslash stands for itself.

Exit status: 0; 100 the instructions are wrong; 111 a file cannot be written. data.cdb is then as it was.
"""

from __future__ import annotations

from qmtwist.cli.chain import fatal, say
from qmtwist.mail.errors import Malformed
from qmtwist.rules import forwardtext
from qmtwist.store import cdb

from .common import ReadError, move, stdin

NAME = b"setforward"


def main(arguments: list[bytes], home: str) -> int:
    """See the module."""
    if len(arguments) < 2:
        say(b"setforward: usage: setforward data.cdb data.tmp")
        return 100
    target, temporary = arguments[:2]
    try:
        descriptor = cdb.begin(temporary)
    except OSError as error:
        return fatal(NAME, b"unable to create " + temporary, error)
    try:
        cdb.stream(descriptor, forwardtext.parse(stdin()))
    except Malformed as error:
        return fatal(NAME, error.text.encode(), status=100)
    except MemoryError:
        return fatal(NAME, b"out of memory")
    except ReadError as error:
        return fatal(NAME, b"unable to read input", error.error)
    except OSError as error:
        return fatal(NAME, b"unable to write to " + temporary, error)
    return move(NAME, temporary, target)
