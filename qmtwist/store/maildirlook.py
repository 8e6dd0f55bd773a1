"""The maildir that is the current directory, as the programs see it that are given MAILDIR. Old files in tmp/ go."""

from __future__ import annotations

import os

from qmtwist.mail.errors import MailError, suppress
from qmtwist.mail.reasons import reason
from qmtwist.mail.shapes import Iterator

from .maildrop import Maildrop, open_maildrop
from .refusal import Refused

BEGINNING_BYTES = 65_536


def open_here(now: int) -> Maildrop:
    """The maildir that is the current directory, with its messages that are older than `now`, oldest first.

    :raises Refused: its directories cannot be listed; the text names it as `$MAILDIR`.
    """
    try:
        return open_maildrop(b".", now, hides_young=True)
    except MailError as trouble:
        why = trouble.__cause__
        if not isinstance(why, OSError):
            raise
        where = os.fsencode(why.filename) if isinstance(why.filename, bytes | str) else b""
        raise Refused(b"unable to scan $MAILDIR/%s: %s" % (where, reason(why))) from trouble


def new_messages(now: int) -> Iterator[bytes]:
    """The beginning of each message in new/ of the current directory that is older than `now`, oldest first.

    What cannot be read, or is read by somebody else in this moment, is left out.
    :raises Refused: there is no maildir here, or its directories cannot be listed.
    """
    drop = open_here(now)
    try:
        for message in drop.messages:
            if message.path.startswith(b"new/"):
                with suppress(OSError):
                    yield _beginning(message.path)
    finally:
        drop.close()


def _beginning(path: bytes) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.pread(descriptor, BEGINNING_BYTES, 0)
    finally:
        os.close(descriptor)
