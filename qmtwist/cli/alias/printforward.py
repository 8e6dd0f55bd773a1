"""printforward: print a table of forwarding instructions

    printforward < data.cdb

Prints the instructions of a database made by setforward or newaliases, in the form that setforward reads.

Exit status: 0; 100 this is no such database; 111 it cannot be read.
"""

from __future__ import annotations

from qmtwist.cli.chain import fatal
from qmtwist.mail.errors import Malformed
from qmtwist.rules.forwardtext import format_record
from qmtwist.store import cdb

from .common import ReadError, print_pieces, read_stdin

# What fastforward's printforward calls itself here; scripts may look for it.
_NAME = b"printmaillist"


def main(arguments: list[bytes], home: str) -> int:
    """See the module."""
    try:
        print_pieces(format_record(key, data) for key, data in cdb.scan(read_stdin))
    except Malformed:
        return fatal(_NAME, b"bad database format", status=100)
    except MemoryError:
        return fatal(_NAME, b"out of memory")
    except ReadError as error:
        return fatal(b"printforward", b"unable to read input", error.error)
    except OSError as error:
        return fatal(b"printforward", b"unable to write output", error)
    return 0
