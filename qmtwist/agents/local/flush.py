"""A customer's maildir sent back to him, in a child of his worker: what `setlock -n` and maildirsmtp do together."""

from __future__ import annotations

import fcntl
import os

from qmtwist.agents.serial.client import send_to
from qmtwist.mail.reasons import reason
from qmtwist.rules.users import Account
from qmtwist.store.durable import write_all
from qmtwist.wire.flush import FlushOrder

from .deliver import FORBIDDEN_MODE

LOCK = b"seriallock"  # in the maildir; the name that serialmail's recipe has for it
BUSY = 75  # somebody else is at it


def flush(home: str, account: Account, order: FlushOrder) -> int:
    """Send it, as the user that we are; the exit status of maildirserial, or `BUSY`. The log goes to descriptor 2."""
    directory = order.maildir if order.maildir.startswith(b"/") else account.home + b"/" + order.maildir
    try:
        if os.stat(account.home + b"/.").st_mode & FORBIDDEN_MODE:
            return _refuse(b"Uh-oh: home directory is writable.")
        lock = os.open(directory.rstrip(b"/") + b"/" + LOCK, _FLAGS, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return BUSY
    except OSError as error:
        return _refuse(b"unable to lock %s: %s" % (directory, reason(error)))
    os.environb.update({b"HOME": account.home, b"USER": account.user})
    words = (
        [b"serialqmtp", order.prefix] if order.protocol == b"qmtp" else [b"serialsmtp", order.prefix, order.helohost]
    )
    return send_to(home, directory, order.prefix, order.host, order.port, words)


_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW


def _refuse(text: bytes) -> int:
    write_all(2, b"maildirserial: fatal: " + text + b"\n")
    return 111
