"""printmaillist: print a binary mailing list

    printmaillist < list.bin

Prints the addresses and file names of a list made by setmaillist or newinclude, one a line, in the form that
setmaillist reads.

Exit status: 0; 100 this is no such list; 111 it cannot be read.
"""

from __future__ import annotations

from qmtwist.cli.chain import fatal
from qmtwist.mail.errors import Malformed
from qmtwist.rules import maillist

from .common import ReadError, print_pieces, stdin

NAME = b"printmaillist"


def main(arguments: list[bytes], home: str) -> int:
    """See the module."""
    try:
        print_pieces(item + b"\n" for item in maillist.items(stdin()))
    except Malformed as error:
        return fatal(NAME, error.text.encode(), status=100)
    except MemoryError:
        return fatal(NAME, b"out of memory")
    except ReadError as error:
        return fatal(NAME, b"unable to read input", error.error)
    except OSError as error:
        return fatal(NAME, b"unable to write output", error)
    return 0
