"""822date: print the date of a message

SYNOPSIS

    822date [ name ] < message

DESCRIPTION

Prints the last header field of this name, Date without one, as three lines: the date in its own time zone, in universal
time, and as ctime(3) writes it in the zone of TZ. Understood are dates with day, month, year, time and zone in this
order; a year of two or three digits is completed; a zone is a number of hours and minutes or one of the usual names.

EXIT STATUS

0; 100 there is no such field, or it is not understood; 111 the message cannot be read.

SEE ALSO

822field(1), 822received(1)
"""

from __future__ import annotations

from qmtwist.mail.date import civil
from qmtwist.mail.datetext import Moment, parse
from qmtwist.mail.tolerant import unfolded

from .common import answer, field_named, local_ctime, out, read_header, stdin


def main(arguments: list[bytes], home: str) -> int:
    """See the module."""
    return answer(b"822date", lambda: _print(field_named(arguments, b"date")))


def _print(name: bytes) -> int:
    found = [field for field in read_header(stdin()).fields if field.name == name]
    moment = parse(unfolded(found[-1])) if found else None
    if moment is None:
        return 100
    seconds = moment.posix
    universal = Moment(*civil(seconds), 0, True)
    out(b"\n".join([moment.iso, universal.iso, local_ctime(seconds)]) + b"\n")
    return 0
