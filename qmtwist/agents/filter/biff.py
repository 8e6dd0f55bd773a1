"""Write to the terminals of a user who wants to hear of new mail. (biff(1))"""

from __future__ import annotations

import os
import stat
import sys

from qmtwist.mail.errors import suppress
from qmtwist.rules.biff import terminals

UTMP = "/var/run/utmp"
DEVICES = b"/dev"
_UTMP_BYTES = 1 << 22


def announce(user: bytes, text: bytes, utmp: str = UTMP, devices: bytes = DEVICES) -> None:
    """Write the text to every terminal that the user is logged in on and said `biff y` for; to none if that fails."""
    with suppress(OSError):
        descriptor = os.open(utmp, os.O_RDONLY | os.O_CLOEXEC)
        try:
            records = os.read(descriptor, _UTMP_BYTES)
        finally:
            os.close(descriptor)
        for line in terminals(records, user, sys.byteorder):
            with suppress(OSError):
                _write(devices + b"/" + line, text)


def _write(path: bytes, text: bytes) -> None:
    # Without waiting: a terminal that was stopped would hold up the delivery.
    descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_APPEND | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        about = os.fstat(descriptor)
        is_wanted = about.st_uid == os.getuid() and about.st_mode & stat.S_IXUSR
        if is_wanted and stat.S_ISCHR(about.st_mode):
            os.write(descriptor, text)
    finally:
        os.close(descriptor)
