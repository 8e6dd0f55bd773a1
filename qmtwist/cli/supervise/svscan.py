"""svscan - supervise all services in a directory

    svscan [DIR]

Runs `supervise NAME` for every directory in DIR (or the current directory) whose name does not begin with a dot; links
to directories count. If NAME/log is a directory, `supervise log` is run in NAME too, with a pipe from the standard
output of the service to the standard input of its log; the pipe stays when either is restarted, so no line is lost.

Every five seconds svscan looks again. A new directory gets its supervisor, a supervisor that has ended is started
again. When a directory is gone its service is not stopped, but a supervisor that ends is not replaced any more. To take
a service out of service:

    cd /service/NAME && rm /service/NAME && svc -dx . log

There are at most 1000 services. The supervise that is run is the one found along PATH; without one there, ours.

Exit status: svscan does not end by itself; 111 if DIR cannot be entered.

See also: supervise, svc, svstat, svscanboot
"""

from __future__ import annotations

import os
import time

from qmtwist.agents.supervise import svscan
from qmtwist.cli.chain import fatal, say
from qmtwist.store.signals import signal

NAME = b"svscan"


def main(arguments: list[bytes], home: str) -> int:
    """Look after a directory for ever."""
    if arguments:
        try:
            os.chdir(arguments[0])
        except OSError as error:
            return fatal(NAME, b"unable to chdir to " + arguments[0], error)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    scanner = svscan.Scanner(home, lambda text: say(b"svscan: warning: " + text))
    while True:
        scanner.scan()
        time.sleep(svscan.INTERVAL_S)
