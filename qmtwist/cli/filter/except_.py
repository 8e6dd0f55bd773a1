"""except - turn around the answer of a program

    |condredirect NEWADDRESS except PROGRAM [ARGUMENT...]
    |bouncesaying TEXT except PROGRAM [ARGUMENT...]

Runs PROGRAM, which may read the message, and says the opposite.

Exit status: 100 if PROGRAM exits 0; 0 if it exits with anything else but 111, or there is no such program; 111 if it
exits 111 or crashes.
"""

from __future__ import annotations

import os

from qmtwist.agents.filter.condition import ask
from qmtwist.cli.chain import fatal, say
from qmtwist.mail.errors import Temporary


def main(arguments: list[bytes], home: str) -> int:
    """Ask, and answer."""
    if not arguments:
        say(b"except: usage: except program [ arg ... ]")
        return 100
    try:
        return 100 if ask(arguments) else 0
    except Temporary as error:
        return fatal(b"except", os.fsencode(error.text))
