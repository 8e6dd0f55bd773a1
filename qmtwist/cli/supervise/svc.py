"""svc - control services

    svc -[udopchaitkx] DIR...

Gives orders to the supervisors of the services in these directories, in the order of the letters:

    -u   up: start it, and whenever it ends start it again
    -d   down: send it TERM, then CONT; when it has ended do not start it again
    -o   once: start it, but not again when it ends
    -x   exit: the supervisor itself ends as soon as the service is down
    -p   pause: send it STOP
    -c   continue: CONT
    -h   hangup: HUP
    -a   alarm: ALRM
    -i   interrupt: INT
    -t   terminate: TERM
    -k   kill: KILL

    svc -t /service/qmail-smtpd      restart it
    svc -a /service/qmail-send       try all waiting mail now
    svc -dx /service/old /service/old/log

A signal goes to the one process that `run` has become: use exec in run.

Exit status: 0, even after a warning about a service that cannot be controlled; 100 for an unknown letter; 111 if there
is no current directory.

See also: svstat, svok, supervise
"""

from __future__ import annotations

from qmtwist.agents.supervise import supervised
from qmtwist.cli.chain import fatal, say
from qmtwist.cli.options import Options, UsageError

NAME = b"svc"
LETTERS = b"udopchaitkx"
HELP = b"svc options: u up, d down, o once, x exit, p pause, c continue, h hup, a alarm, i interrupt, t term, k kill"


def main(arguments: list[bytes], home: str) -> int:
    """Send the letters everywhere."""
    options = Options(arguments, LETTERS)
    try:
        letters = b"".join(letter for letter, _ in options)
    except UsageError as error:
        say(NAME + b": " + error.complaint)
        say(HELP)
        return 100
    try:
        visitor = supervised.Visitor()
    except OSError as error:
        return fatal(NAME, b"unable to open current directory", error)
    for directory in options.rest:
        try:
            visitor.enter(directory)
            supervised.command(letters)
        except supervised.Trouble as trouble:
            what = _WORDS.get(trouble.text, b"unable to control ")
            say(b"svc: warning: %s%s: %s" % (what, directory, trouble.why))
    return 0


_WORDS = {b"unable to chdir": b"unable to chdir to ", b"error writing commands": b"error writing commands to "}
