"""ofmipname: make a name database for ofmipd

SYNOPSIS

    ofmipname cdb tmp < text

DESCRIPTION

Reads lines `sender:Name:address:` and makes the constant database cdb of them, through the file tmp beside it. A
message that comes to ofmipd from `sender` then gets `From: "Name" <address>` and the envelope sender `address`. The
sender is what MAIL says with its host rewritten, in the same letters, great and small. What follows the third colon,
lines that begin with # and those with fewer colons say nothing; of several lines with one sender the first counts.

The daemon's service uses control/ofmipname.cdb.

EXIT STATUS

0; 100 on wrong use; 111 a file cannot be written, and cdb is as it was.

SEE ALSO

ofmipd(8), cdb(5)
"""

from __future__ import annotations

from qmtwist.cli.alias.common import ReadError, lines, move, stdin
from qmtwist.cli.chain import fatal, say
from qmtwist.mail.errors import Malformed
from qmtwist.rules.ofmip import parse_names
from qmtwist.store import cdb

_NAME = b"ofmipname"


def main(arguments: list[bytes], home: str) -> int:
    """See the module."""
    if len(arguments) < 2:
        say(b"ofmipname: usage: ofmipname cdb tmp")
        return 100
    target, temporary = arguments[:2]
    try:
        descriptor = cdb.begin(temporary)
    except OSError as error:
        return fatal(_NAME, b"unable to create " + temporary, error)
    try:
        cdb.stream(descriptor, parse_names(line.rstrip(b"\n") for line in lines(stdin())))
    except Malformed as error:
        return fatal(_NAME, error.text.encode())
    except ReadError as error:
        return fatal(_NAME, b"unable to read input", error.error)
    except OSError as error:
        return fatal(_NAME, b"unable to write to " + temporary, error)
    return move(_NAME, temporary, target)
