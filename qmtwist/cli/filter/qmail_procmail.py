"""qmail-procmail - let procmail deliver a message

    |qmail-procmail [ARGUMENT...]

In a .qmail file: runs `procmail ARGUMENT...` with the From_ line, the Return-Path line and the Delivered-To line in
front of the message, as `preline procmail` does, and translates its exit status, which procmail means as sendmail
understands it. In particular a full disk or a missing directory (73) and 75 defer the message, and `EXITCODE=67` or
77 in a recipe bounces it.

Environment: UFLINE, RPLINE and DTLINE, from qmail-local.

Exit status: 0 for 0; 99 for 99; 100 for 64, 65, 67, 68, 69, 77 and 100, for a wrong call, or if there is no procmail;
111 for everything else, also if procmail crashed or the message cannot be read.
"""

from __future__ import annotations

import os

from qmtwist.agents.filter.feeding import feed
from qmtwist.cli.chain import fatal
from qmtwist.mail.errors import MailError, Permanent
from qmtwist.rules.procmail import delivery_code

NAME = b"qmail-procmail"


def main(arguments: list[bytes], home: str) -> int:
    """Feed procmail, and translate."""
    lines = b""
    for variable in (b"UFLINE", b"RPLINE", b"DTLINE"):
        if variable not in os.environb:
            return fatal(NAME, variable + b" not set", status=100)
        lines += os.environb[variable]
    try:
        return delivery_code(feed([b"procmail", *arguments], lines))
    except MailError as error:
        return fatal(NAME, os.fsencode(error.text), status=100 if isinstance(error, Permanent) else 111)
