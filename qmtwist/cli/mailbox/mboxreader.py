"""What elq, pinq and qail share: the maildir into the mbox first, then a mail reader that knows only mboxes."""

from __future__ import annotations

import errno
import os

from qmtwist.agents import pathexec
from qmtwist.cli.chain import fatal
from qmtwist.mail.shapes import Sequence


def read_mail(name: bytes, readers: Sequence[bytes], arguments: list[bytes], home: str) -> int:
    """Run maildir2mbox, and become the first of these readers that there is; else the exit status.

    When maildir2mbox fails no reader is started, for it has said why, and mail might be overlooked.
    """
    try:
        child = pathexec.spawn([os.path.join(os.fsencode(home), b"bin/maildir2mbox")])
    except OSError as error:
        return fatal(name, b"unable to run maildir2mbox", error)
    status = os.waitpid(child, 0)[1]
    if status:
        return os.WEXITSTATUS(status) if os.WIFEXITED(status) else fatal(name, b"maildir2mbox crashed")
    trouble = OSError(errno.ENOENT, "")
    for reader in readers:
        trouble = pathexec.become([reader, *arguments])
        if trouble.errno != errno.ENOENT:
            break
    return fatal(name, b"unable to run " + b" or ".join(readers), trouble)
