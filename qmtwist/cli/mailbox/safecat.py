"""safecat - write data safely into a directory

    safecat TEMPDIR DESTDIR < DATA

Copies standard input into a new file in the directory DESTDIR, under a name that nobody else uses, and prints that
name. The file is written in TEMPDIR, and gets its name in DESTDIR when it is complete and on disk: a file there is
never cut short, and exit status 0 means that it is there for good. Both directories must be in the same file system.

With the two directories of a maildir it delivers a message, for example as a recipe of procmail:

    :0w
    |safecat Maildir/tmp Maildir/new

It adds nothing to the message; with qmail's lines on top: `|preline -f safecat Maildir/tmp Maildir/new` in a .qmail
file. (`maildir DIR` is short for `safecat DIR/tmp DIR/new`.)

If it takes longer than 24 hours it gives up. The file's mode is 0644, less what the umask takes away.

Exit status: 0; 100 wrong usage; 111 trouble, which is said on standard error, and nothing is in DESTDIR. Only if that
directory itself cannot be synced a file is there that may get lost.
"""

from __future__ import annotations

from qmtwist.agents.mailbox.safecat import keep_input
from qmtwist.cli.chain import fatal, say
from qmtwist.mail.errors import suppress
from qmtwist.store.durable import write_all
from qmtwist.store.refusal import Refused


def main(arguments: list[bytes], home: str) -> int:
    """Keep the input, and say under which name."""
    if len(arguments) != 2:
        say(b"safecat: usage: safecat <tempdir> <destdir>")
        return 100
    try:
        name = keep_input(arguments[0], arguments[1])
    except Refused as refusal:
        return fatal(b"safecat", refusal.text)
    with suppress(OSError):  # it is kept, whether somebody wants to know its name or not
        write_all(1, name + b"\n")
    return 0
