"""qbiff - announce a message on the user's terminals

    |qbiff

In a .qmail file: writes two lines about the message, with its subject and how its body begins, to every terminal that
the user is logged in on and that has the owner's execute bit set (`biff y`, `chmod u+x $(tty)`). It never holds up or
fails a delivery.

Environment: USER, SENDER and LOCAL, from qmail-local.

Files: /var/run/utmp, which says who is logged in.

Exit status: always 0.
"""

from __future__ import annotations

import os

from qmtwist.agents.filter.biff import announce
from qmtwist.agents.filter.heading import read_header
from qmtwist.mail.errors import suppress
from qmtwist.rules.biff import announcement


def main(arguments: list[bytes], home: str) -> int:
    """Announce it, if anybody listens."""
    environ = os.environb
    if environ.keys() >= {b"USER", b"SENDER", b"LOCAL"}:
        with suppress(OSError):
            header = read_header()
            announce(environ[b"USER"], announcement(environ[b"LOCAL"], environ[b"SENDER"], header.fields, header.rest))
    return 0
