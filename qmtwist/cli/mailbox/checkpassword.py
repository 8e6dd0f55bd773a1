"""qmtwist-checkpassword - check a mailbox password and run a program as its user

usage: qmtwist-checkpassword PROGRAM [ARGUMENT...]

A program with the checkpassword interface, for qmail-popup and everything else that knows it:

    qmail-popup pop.example.org qmtwist-checkpassword qmail-pop3d Maildir

It reads descriptor 3 to its end: `NAME NUL PASSWORD NUL TIMESTAMP NUL`, at most 512 bytes. If the password is the one
that `qmtwist passwd` has stored for NAME, it takes the rights of the account that serves NAME's mail (users/cdb, then
the password file), goes to its home, sets USER, HOME and SHELL and executes PROGRAM. It must be started as root for
that, or as the very user. It prints nothing.

Only hashes of passwords are stored, so an APOP digest cannot be checked and is refused.

Exit status: 1 wrong name or password; 2 wrong usage; 111 it cannot tell now. Otherwise that of PROGRAM.
"""

from __future__ import annotations

from qmtwist.agents.mailbox.authenticate import authenticate


def main(arguments: list[bytes], home: str) -> int:
    """Check, and go on as the program named."""
    return authenticate(home, arguments)
