"""maildir2mbox - move mail from a maildir to an mbox file

    MAILDIR=Maildir MAIL=/home/joe/Mailbox MAILTMP=/home/joe/Mailbox.tmp maildir2mbox

For mail readers that know no maildirs: appends all messages of the maildir MAILDIR, in new and in cur, the oldest
first, to the mbox file MAIL, and removes them from the maildir. It prints nothing. Relative names of MAIL and MAILTMP
are meant from inside MAILDIR.

MAIL is locked (flock and fcntl), copied to MAILTMP, and replaced by MAILTMP when all messages are in it and on disk;
both must be in the same file system. Its mode is then 0600. At any moment, also if the machine stops, every message is
in one of the two mailboxes; in a few it is in both, and comes twice. Do not let programs deliver to MAIL meanwhile that
do not look for a new file once they have its lock; qmail-local does look.

In MAIL a message begins with a line `From SENDER DATE`: the sender of its Return-Path line, the time of its delivery
(UTC). Lines of the message that begin with `From `, or with `>From `, `>>From ` and so on, get one more `>`, and an
empty line follows. A last line without line end gets one.

Root does this with the rights of the user whose mail it is.

Names that begin with a dot and messages that have come in this very second are left where they are. Files in
MAILDIR/tmp that nobody has looked at for 36 hours are removed.

Environment: MAILDIR, MAIL, MAILTMP; all must be set.

Exit status: 0, also after a warning that a message will be delivered twice because it cannot be removed; 111 nothing
was moved.
"""

from __future__ import annotations

import os
import time

from qmtwist.agents.privileges import NotPermitted, become
from qmtwist.cli.chain import fatal, say
from qmtwist.mail.errors import suppress
from qmtwist.store.maildir_to_mbox import move
from qmtwist.store.refusal import Refused, refusing

_NAME = b"maildir2mbox"


def main(arguments: list[bytes], home: str) -> int:
    """Move everything; arguments mean nothing."""
    values = []
    for name in (b"MAIL", b"MAILTMP", b"MAILDIR"):
        value = os.environb.get(name)
        if value is None:
            return fatal(_NAME, name + b" not set")
        values.append(value)
    mail, temporary, maildir = values
    os.umask(0o077)
    try:
        _become_owner(maildir, mail)
        move(maildir, mail, temporary, int(time.time()), lambda text: say(b"%s: warning: %s" % (_NAME, text)))
    except Refused as refusal:
        return fatal(_NAME, refusal.text)
    except NotPermitted as trouble:
        return fatal(_NAME, b"unable to become the owner of " + maildir + b": " + str(trouble).encode())
    return 0


def _become_owner(maildir: bytes, mail: bytes) -> None:
    """A user can put links to anything into a place of his own: root may neither read nor write what they lead to."""
    if os.geteuid() == 0:
        with refusing(b"unable to chdir to " + maildir):
            places = [os.lstat(maildir), os.stat(maildir)]
        with suppress(OSError):  # it will be missed in a moment
            places.append(os.stat(os.path.join(maildir, os.path.dirname(mail))))
        owner = next((place for place in places if place.st_uid != 0), None)
        if owner is not None:
            become(owner.st_uid, owner.st_gid)
