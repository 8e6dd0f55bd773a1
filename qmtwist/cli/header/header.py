"""822header: print the header of a message

SYNOPSIS

    822header < message

DESCRIPTION

Prints the header of the message on standard input as it is, without the empty line that ends it. A line that is no
header field ends it too; so does an mbox line, which begins with `From `.

EXIT STATUS

0; 111 the message cannot be read.

SEE ALSO

822field(1), 822date(1), 822received(1), 822print(1)
"""

from __future__ import annotations

from qmtwist.cli.alias.common import lines
from qmtwist.mail.header import field_name

from .common import answer, out, stdin


def main(arguments: list[bytes], home: str) -> int:
    """See the module."""
    return answer(b"822header", _print)


def _print() -> int:
    for line in lines(stdin()):
        if line[:1] not in (b" ", b"\t") and field_name(line) is None:
            return 0
        out(line)
    return 0
