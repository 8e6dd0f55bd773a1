"""setmaillist: create a binary mailing list

    setmaillist list.bin list.tmp

Reads addresses from standard input, one a line, and writes them into list.bin, which an alias can name. It is written
as list.tmp, which must be in the same file system, and then takes the place of the old list in one step.

Blanks at the end of a line do not count. Empty lines and lines that begin with `#` are skipped. A line that begins with
`.` or `/` names another binary list. Any other line is an address, perhaps with an `&` before it.

Exit status: 0; 111 the addresses are wrong or a file cannot be written. list.bin is then as it was.
"""

from __future__ import annotations

import os

from qmtwist.cli.chain import fatal, say
from qmtwist.mail.errors import Malformed
from qmtwist.rules import maillist

from .common import ReadError, lines, move, stdin, write_items

NAME = b"setmaillist"


def main(arguments: list[bytes], home: str) -> int:
    """See the module."""
    if len(arguments) < 2:
        say(b"setmaillist: usage: setmaillist list.bin list.tmp")
        return 100
    os.umask(0o033)
    target, temporary = arguments[:2]
    try:
        write_items(temporary, maillist.parse(lines(stdin())))
    except Malformed as error:
        return fatal(NAME, error.text.encode())
    except MemoryError:
        return fatal(NAME, b"out of memory")
    except ReadError as error:
        return fatal(NAME, b"unable to read input", error.error)
    except OSError as error:
        return fatal(NAME, b"unable to write to " + temporary, error)
    return move(NAME, temporary, target)
