"""pgrphack - run a program in a process group of its own

    pgrphack PROGRAM [ARGUMENT...]

Begins a new session, and with it a new process group, then runs PROGRAM: signals for the terminal or the group of
whoever started it do not reach it.

Exit status: that of PROGRAM; 100 without one; 111 if it cannot be run.
"""

from __future__ import annotations

import os

from qmtwist.cli.chain import become, say
from qmtwist.mail.errors import suppress


def main(arguments: list[bytes], home: str) -> int:
    """Leave the group, then become the program."""
    if not arguments:
        say(b"pgrphack: usage: pgrphack child")
        return 100
    with suppress(OSError):  # it leads a group already
        os.setsid()
    return become(b"pgrphack", arguments)
