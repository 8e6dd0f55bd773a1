"""envuidgid - tell a program the ids of an account

    envuidgid ACCOUNT PROGRAM [ARGUMENT...]

Sets the environment variables UID and GID to the user id and the group id of an account, then runs PROGRAM, as the same
user as before. For programs that start as root and leave root's rights themselves:

    envuidgid qmaild tcpserver -U 0 smtp qmail-smtpd

Exit status: that of PROGRAM; 100 for a wrong call; 111 if there is no such account or PROGRAM cannot be run.

See also: setuidgid, tcpserver
"""

from __future__ import annotations

import os

from qmtwist.cli.chain import become, fatal, say

from .account import find

NAME = b"envuidgid"


def main(arguments: list[bytes], home: str) -> int:
    """Set two variables, then become the program."""
    if len(arguments) < 2:
        say(b"envuidgid: usage: envuidgid account child")
        return 100
    ids = find(arguments[0])
    if ids is None:
        return fatal(NAME, b"unknown account " + arguments[0])
    return become(NAME, arguments[1:], {**os.environb, b"UID": b"%d" % ids[0], b"GID": b"%d" % ids[1]})
