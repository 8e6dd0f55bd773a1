"""mailsubj: send a mail message, given its subject and recipients

    mailsubj subject recip ...

Sends standard input as the body of a message with this subject to these addresses, by qmail-inject:

    mailsubj 'backup failed' root < log

A line end in the subject or in an address counts as a blank, so neither can add fields to the header. A subject with
other characters than those of ASCII is encoded.

Exit status: as for qmail-inject; 100 without a subject.

See also: qmail-inject
"""

from __future__ import annotations

import os

from qmtwist.cli.chain import say
from qmtwist.rules.subjectline import header

from .qmail_inject import inject


def main(arguments: list[bytes], home: str) -> int:
    """Subject and recipients."""
    if not arguments:
        say(b"mailsubj: usage: mailsubj subject recip ...")
        return 100
    return inject([], home, os.environb, lead=header(arguments[0], arguments[1:]))
