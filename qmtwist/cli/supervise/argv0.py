"""argv0 - run a program under another name

    argv0 REALNAME NAME [ARGUMENT...]

Runs the program REALNAME, which is told that its name is NAME.

Exit status: that of the program; 100 for a wrong call; 111 if it cannot be run.
"""

from __future__ import annotations

from qmtwist.agents import pathexec
from qmtwist.cli.chain import fatal, say


def main(arguments: list[bytes], home: str) -> int:
    """Become the program."""
    if len(arguments) < 2:
        say(b"argv0: usage: argv0 realname program [ arg ... ]")
        return 100
    error = pathexec.become(arguments[1:], program=arguments[0])
    return fatal(b"argv0", b"unable to run " + arguments[0], error)
