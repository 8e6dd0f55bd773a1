"""bouncesaying - bounce a message, always or if a program says so

    |bouncesaying TEXT [PROGRAM [ARGUMENT...]]

In a .qmail file: without PROGRAM every message goes back to its sender, with TEXT in the bounce. With one, that is so
if PROGRAM, which may read the message, exits 0. If it exits with anything else but 111, or there is no such program,
the file goes on as if this line were not there.

Exit status: 100 the message bounces; 0 PROGRAM said no; 111 PROGRAM crashed or exited 111: try again later.
"""

from __future__ import annotations

import os

from qmtwist.agents.filter.condition import ask
from qmtwist.cli.chain import fatal, say
from qmtwist.mail.errors import Temporary


def main(arguments: list[bytes], home: str) -> int:
    """Ask if there is somebody to ask, then say it."""
    if not arguments:
        say(b"bouncesaying: usage: bouncesaying error [ program [ arg ... ] ]")
        return 100
    text, *command = arguments
    try:
        if command and not ask(command):
            return 0
    except Temporary as error:
        return fatal(b"bouncesaying", os.fsencode(error.text))
    say(text)
    return 100
