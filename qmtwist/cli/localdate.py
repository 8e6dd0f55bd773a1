"""The Date field of programs that write the local time."""

from __future__ import annotations

import time

from qmtwist.mail.date import local822


def date_field() -> bytes:
    """The field, with its line end, for this moment and the zone of TZ or of the system."""
    now = time.time()
    return b"Date: " + local822(int(now), time.localtime(now).tm_gmtoff) + b"\n"
