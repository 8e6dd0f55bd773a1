"""maildirwatch - show new mail on a terminal

    MAILDIR=Maildir maildirwatch

Every 30 seconds clears the terminal and shows each message in `new` of the maildir, the oldest first: the sender and
the recipient of its delivery, the From field in bold, and the subject with the beginning of the text. What cannot be
printed is shown as / or ?. Messages that have come in this very second are shown next time. It goes on until it is
interrupted, or its terminal is gone.

It needs a terminal that understands ANSI sequences (VT100, xterm). Messages are not changed; files in tmp that nobody
has looked at for 36 hours are removed.

Environment: MAILDIR, the maildir.

Exit status: 111 MAILDIR is not set or cannot be read; 0 the terminal is gone.
"""

from __future__ import annotations

import os

from qmtwist.agents.mailbox.maildirwatch import watch
from qmtwist.cli.chain import fatal
from qmtwist.store.refusal import Refused


def main(arguments: list[bytes], home: str) -> int:
    """Show it until somebody has had enough; arguments mean nothing."""
    maildir = os.environb.get(b"MAILDIR")
    if maildir is None:
        return fatal(b"maildirwatch", b"MAILDIR not set")
    try:
        watch(maildir)
    except Refused as refusal:
        return fatal(b"maildirwatch", refusal.text)
    return 0
