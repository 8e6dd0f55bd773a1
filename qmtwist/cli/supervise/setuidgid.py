"""setuidgid - run a program as another user

    setuidgid ACCOUNT PROGRAM [ARGUMENT...]

Takes the user id and the group id of an account, and no other group, then runs PROGRAM. For root:

    exec setuidgid qmaill multilog t /var/log/qmail

Exit status: that of PROGRAM; 100 for a wrong call; 111 if there is no such account, or the ids cannot be set, or
PROGRAM cannot be run.

See also: envuidgid
"""

from __future__ import annotations

import os

from qmtwist.cli.chain import become, fatal, say

from .account import find

NAME = b"setuidgid"


def main(arguments: list[bytes], home: str) -> int:
    """Become the user, then the program."""
    if len(arguments) < 2:
        say(b"setuidgid: usage: setuidgid account child")
        return 100
    ids = find(arguments[0])
    if ids is None:
        return fatal(NAME, b"unknown account " + arguments[0])
    uid, gid = ids
    step = b"unable to set gid"
    try:
        os.setgroups([gid])
        os.setgid(gid)
        step = b"unable to set uid"
        os.setuid(uid)
    except OSError as error:
        return fatal(NAME, step, error)
    return become(NAME, arguments[1:])
