"""supervise - keep a service running

    supervise DIR

Goes to the directory DIR, starts ./run there, and starts it again whenever it ends, but at most once a second. If there
is a file DIR/down, it is not started before `svc -u` says so.

    mkdir -p echo && printf '#!/bin/sh\nexec tcpserver 0 7 cat\n' >echo/run && chmod +x echo/run
    supervise echo

supervise gives its own descriptors and environment to ./run. It never ends, unless `svc -x` tells it to or it is
killed, which leaves the service running without a supervisor.

FILES

    DIR/run                 the program; it should `exec` the server, which then gets the signals of svc
    DIR/down                if it exists, the service is not started by itself
    DIR/supervise/status    18 bytes: since when it is up or down (TAI64N), process id, whether it is paused, wanted
                            `u` up, `d` down or once (NUL); svstat reads it
    DIR/supervise/control   a pipe for the orders of svc
    DIR/supervise/ok        a pipe that can be written to as long as the supervisor runs
    DIR/supervise/lock      locked, so that there is no second supervisor

Exit status: 0 after `svc -x`; 100 for a wrong call; 111 if DIR has a supervisor already, or something cannot be set up.

See also: svc, svstat, svok, svscan, multilog
"""

from __future__ import annotations

import os

from qmtwist.agents.supervise import supervise, supervised
from qmtwist.cli.chain import fatal, say

NAME = b"supervise"


def main(arguments: list[bytes], home: str) -> int:
    """Supervise one directory."""
    if not arguments:
        say(b"supervise: usage: supervise dir")
        return 100
    directory = arguments[0]
    step = b"unable to chdir to " + directory
    try:
        os.chdir(directory)
        step = b"unable to stat %s/down" % directory
        is_wanted_up = not _exists(supervised.DOWN)
        step = b"unable to acquire %s/supervise/lock" % directory
        lock = supervise.take_lock()
        step = b"unable to set up %s/supervise" % directory
        supervisor = supervise.Supervisor(is_wanted_up, lambda text: say(NAME + b": " + text), directory)
    except OSError as error:
        return fatal(NAME, step, error)
    supervisor.run()
    os.close(lock)
    return 0


def _exists(name: str) -> bool:
    try:
        os.stat(name)
    except FileNotFoundError:
        return False
    return True
