"""mbox2maildir - copy mail from an mbox file to a maildir

    mbox2maildir [ -r ] MBOX MAILDIR

Copies every message of the file MBOX into the maildir MAILDIR, which must exist (see maildirmake), and says how many
they were. Either all messages are in the maildir in the end, or none is; if the machine stops while they get their
names, some are, and they come twice when the program is run again.

-r: then empty MBOX. Without it MBOX is only read. Nothing is taken from MBOX before every message is on disk.

The file's format is mbox as qmail writes it: every line that begins with `From ` starts a message, one `>` is taken
from lines that begin with `>From `, `>>From ` and so on, and the empty line before the next message is dropped. Nothing
else of a message is changed. Its file gets the date of its From_ line (UTC, unless the line names another zone by
figures such as +0100), so maildir2mbox gives the same file back. Status and X-Status fields become flags: R seen, A
answered, F flagged, D trashed, T draft. Messages that have neither such a flag nor O are put into `new`, all others
into `cur`.

MBOX is locked (flock and fcntl). Run it as the owner of the maildir.

Exit status: 0; 100 wrong usage, or MBOX is no mbox file; 111 trouble, which is said on standard error: MBOX was not
changed.
"""

from __future__ import annotations

import os
import time

from qmtwist.cli.chain import fatal, say
from qmtwist.cli.options import Options, UsageError
from qmtwist.mail.errors import suppress
from qmtwist.store.durable import write_all
from qmtwist.store.maildir import Names
from qmtwist.store.mbox_to_maildir import NoMbox, copy
from qmtwist.store.refusal import Refused

_NAME = b"mbox2maildir"


def main(arguments: list[bytes], home: str) -> int:
    """Copy them all."""
    line = Options(arguments, b"r")
    try:
        is_emptying = bool(list(line))
        mbox, maildir = line.rest
    except (UsageError, ValueError):
        say(b"mbox2maildir: usage: mbox2maildir [ -r ] mbox maildir")
        return 100
    os.umask(0o077)
    try:
        count = copy(mbox, maildir, Names(), int(time.time()), is_emptying)
    except Refused as refusal:
        return fatal(_NAME, refusal.text, status=100 if isinstance(refusal, NoMbox) else 111)
    with suppress(OSError):  # they are there, whether somebody wants to know or not
        write_all(1, b"%d message%s\n" % (count, b"" if count == 1 else b"s"))
    return 0
