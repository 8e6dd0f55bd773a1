"""Become a user, irrevocably."""

from __future__ import annotations

import os


class NotPermitted(Exception):
    """The change of identity did not come about; whoever asked for it must end."""


def become(uid: int, gid: int) -> None:
    """Take this uid and gid, and no other group, for ever. Without root's rights: make sure that we are that user.

    :raises NotPermitted: uid 0 was asked for, or the kernel left us anything of what we were.
    """
    if uid <= 0 or gid < 0:
        raise NotPermitted("nothing is done for users as root")
    if os.geteuid() == 0:
        try:
            os.setgroups([gid])
            os.setgid(gid)
            os.setuid(uid)
        except (OSError, OverflowError) as error:
            raise NotPermitted(str(error))
        if os.getresgid() != (gid, gid, gid) or os.getgroups() != [gid]:
            raise NotPermitted("a group was left over")
    if os.getresuid() != (uid, uid, uid):
        raise NotPermitted("this is another user")
    try:
        os.setuid(0)
    except OSError:
        return
    raise NotPermitted("root's rights were left over")


def keep_only(descriptors: set[int]) -> None:
    """Close every descriptor but 0, 1, 2 and these."""
    start = 3
    for descriptor in sorted(descriptors):
        if descriptor >= start:
            os.closerange(start, descriptor)
            start = descriptor + 1
    os.closerange(start, os.sysconf("SC_OPEN_MAX"))
