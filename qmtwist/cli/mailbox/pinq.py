"""pinq: read new mail of a maildir with pine

    pinq [ argument ... ]

Moves new mail from the maildir into the mbox with maildir2mbox, then runs pine or alpine with the arguments. MAILDIR,
MAIL and MAILTMP must be set, as for maildir2mbox:

    MAILDIR=$HOME/Maildir; MAIL=$HOME/Mailbox; MAILTMP=$HOME/Mailbox.tmp; export MAILDIR MAIL MAILTMP

A program that reads maildirs itself, such as mutt, needs none of this.

Exit status: that of maildir2mbox if it fails, else that of the reader; 111 when one of them cannot be run.

See also: maildir2mbox
"""

from __future__ import annotations

from .mboxreader import read_mail


def main(arguments: list[bytes], home: str) -> int:
    """The arguments are the reader's."""
    return read_mail(b"pinq", (b"pine", b"alpine"), arguments, home)
