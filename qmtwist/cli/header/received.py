"""822received: print the way of a message

SYNOPSIS

    822received < message

DESCRIPTION

Prints the Received fields of the message on standard input, the oldest first. Each begins with its date as ctime(3)
writes it in the zone of TZ, or with blanks if it has none; its parts have a line each.

EXIT STATUS

0; 100 the header is too long; 111 the message cannot be read.

SEE ALSO

822date(1), 822header(1)
"""

from __future__ import annotations

from qmtwist.mail.tolerant import unfolded
from qmtwist.rules.receivedtext import received_lines

from .common import answer, local_ctime, out, read_header, stdin


def main(arguments: list[bytes], home: str) -> int:
    """See the module."""
    return answer(b"822received", _print)


def _print() -> int:
    for field in read_header(stdin()).fields[::-1]:
        if field.name == b"received":
            out(received_lines(unfolded(field), local_ctime))
    return 0
