"""iftocc - does To or Cc of a message name an address?

    |condredirect NEWADDRESS iftocc [ADDRESS...]
    |bouncesaying TEXT except iftocc [ADDRESS...]
    |iftocc ADDRESS && exit 99; exit 0

Reads the header of the message on standard input and looks for one of the addresses, or without any for $RECIPIENT.
Capitals do not matter, names in comments and quotes do not count, and neither does an address without a host. Of longer
lists only the first megabyte is looked at.

Used alone as a line of a .qmail file it bounces what it does not find: give it to condredirect or bouncesaying, or to
the shell.

Exit status: 0 if one is there; 100 if not; 111 if the message cannot be read.
"""

from __future__ import annotations

import os

from qmtwist.agents.filter.heading import read_header
from qmtwist.cli.chain import fatal
from qmtwist.rules.mentions import is_recipient


def main(arguments: list[bytes], home: str) -> int:
    """Look."""
    recipient = os.environb.get(b"RECIPIENT")
    wanted = arguments or ([] if recipient is None else [recipient])
    try:
        return 0 if is_recipient(read_header().fields, wanted) else 100
    except OSError as error:
        return fatal(b"iftocc", b"unable to read message", error)
