"""822print: show a message

SYNOPSIS

    822print < message | less

DESCRIPTION

Prints the message on standard input with its header rearranged for a reader: subject, author and date, then its way
here, its readers, and where answers go. Names are underlined and addresses bold, by overstriking, as less(1) and
printing terminals know it. The body is printed as it is.

EXIT STATUS

0; 100 the header is too long; 111 the message cannot be read.

SEE ALSO

822header(1), less(1)
"""

from __future__ import annotations

from qmtwist.mail.header import LineEnds
from qmtwist.rules.overstrike import print_header

from .common import answer, local_iso, out, read_header, stdin


def main(arguments: list[bytes], home: str) -> int:
    """See the module."""
    return answer(b"822print", _print)


def _print() -> int:
    pieces = stdin()
    header = read_header(pieces)
    out(print_header(header.fields, local_iso))
    ends = LineEnds(header.has_crlf)
    out(ends.convert(header.rest))
    for piece in pieces:
        out(ends.convert(piece))
    out(ends.end())
    return 0
