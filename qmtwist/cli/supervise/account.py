"""The ids of an account."""

from __future__ import annotations

import os
import pwd


def find(name: bytes) -> tuple[int, int] | None:
    """User id and group id; None: there is no such account."""
    try:
        entry = pwd.getpwnam(os.fsdecode(name))
    except KeyError:
        return None
    return entry.pw_uid, entry.pw_gid
