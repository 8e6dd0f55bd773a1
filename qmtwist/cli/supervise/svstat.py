"""svstat - say how services are

    svstat DIR...

Prints a line for every directory of a service: whether it is up, with its process id, or down, since how many seconds,
and what is unusual about that:

    /service/qmail-send: up (pid 388) 86410 seconds
    /service/qmail-smtpd: down 17 seconds, normally up
    /service/other: supervise not running

`normally down` means that there is a file DIR/down; `paused`, that it was sent a STOP signal; `want up` and `want
down`, that the supervisor is about to change it.

Exit status: 0, whatever the services are like.

See also: svc, svok, supervise
"""

from __future__ import annotations

from qmtwist.agents.supervise import supervised
from qmtwist.cli.chain import fatal
from qmtwist.store import durable

NAME = b"svstat"


def main(arguments: list[bytes], home: str) -> int:
    """A line each."""
    try:
        visitor = supervised.Visitor()
    except OSError as error:
        return fatal(NAME, b"unable to open current directory", error)
    for directory in arguments:
        try:
            visitor.enter(directory)
            text = supervised.describe()
        except supervised.Trouble as trouble:
            text = b"%s: %s" % (trouble.text, trouble.why)
        durable.write_all(1, b"%s: %s\n" % (directory, text))
    return 0
