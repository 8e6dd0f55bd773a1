"""qmail-pop3d - let a POP3 user read and delete mail in a maildir

usage: qmail-pop3d MAILDIR

Speaks the second part of POP3 (RFC 1939) with a client on descriptors 0 and 1. It is started by a checkpassword
program in the home directory and with the rights of the user (see qmail-popup); MAILDIR is usually `Maildir`.

Messages are numbered by age, oldest first, when the session begins; what arrives later is left for the next session.
RETR, TOP, UIDL, LIST, STAT, DELE, RSET, LAST, NOOP and QUIT are understood and may be pipelined. At QUIT, and not
before, messages marked by DELE are deleted and all others are moved from `new` to `cur`. A connection that ends in
another way changes nothing. Files in `tmp` that nobody has used for 36 hours are removed.

Exit status: 0, or 1 if it was started as root, which it refuses.
"""

from __future__ import annotations

import os
import time

from qmtwist.agents.mailbox.pop3 import Connection, pop3d
from qmtwist.store.maildrop import NO_MAILDIR


def main(arguments: list[bytes], home: str) -> int:
    """Serve one maildir until the client ends."""
    if os.geteuid() == 0:
        os.write(2, b"qmail-pop3d invoked as uid 0, terminating\n")
        return 1
    connection = Connection()
    if not arguments:
        try:
            connection.write(b"-ERR %s\r\n" % NO_MAILDIR.encode())
        except OSError:
            return 0
        return 0
    return pop3d(arguments[0], int(time.time()), connection)
