"""svok - tell whether a supervisor runs

    svok DIR

    svok /service/qmail-send && svc -h /service/qmail-send

Prints nothing.

Exit status: 0 if a supervisor runs for the service in DIR, 100 if none does, 111 if that cannot be told.

See also: svstat, svc, supervise
"""

from __future__ import annotations

from qmtwist.agents.supervise import supervised
from qmtwist.cli.chain import fatal, say

NAME = b"svok"


def main(arguments: list[bytes], home: str) -> int:
    """Look into one directory."""
    if not arguments:
        say(b"svok: usage: svok dir")
        return 100
    directory = arguments[0]
    try:
        supervised.Visitor().enter(directory)
    except supervised.Trouble as trouble:
        return fatal(NAME, b"unable to chdir to " + directory, trouble.error)
    except OSError as error:
        return fatal(NAME, b"unable to open current directory", error)
    try:
        return 0 if supervised.is_supervised() else 100
    except supervised.Trouble as trouble:
        return fatal(NAME, b"unable to open %s/supervise/ok" % directory, trouble.error)
