"""svscanboot - start all services

    svscanboot [DIR]

Sends `svc -dx` to whatever is left over in DIR, /service by default, and in the logs there, then runs

    svscan DIR 2>&1 | readproctitle service errors: ................

with 400 dots, so that the last errors can be seen by `ps axww`. The environment has nothing but PATH, which is

    /command:/usr/local/bin:/usr/local/sbin:/bin:/sbin:/usr/bin:/usr/sbin:/usr/X11R6/bin

and behind it the bin directory of the mail home. Standard input, output and error are /dev/null. For inittab or a unit
of systemd, which see it as one program that does not end.

Exit status: that of readproctitle: 0 when svscan and all that it has started are gone.

See also: svscan, readproctitle, supervise
"""

from __future__ import annotations

import os

from qmtwist.agents import pathexec
from qmtwist.agents.supervise import supervised
from qmtwist.cli.chain import fatal
from qmtwist.mail.errors import suppress

NAME = b"svscanboot"
PATH = b"/command:/usr/local/bin:/usr/local/sbin:/bin:/sbin:/usr/bin:/usr/sbin:/usr/X11R6/bin"
SERVICES = b"/service"
DOTS = b"." * 400


def main(arguments: list[bytes], home: str) -> int:
    """Stop what is left, then become the two ends of a pipe."""
    directory = arguments[0] if arguments else SERVICES
    own = os.fsencode(home) + b"/bin"
    environ = {b"PATH": PATH + b":" + own}
    os.environb[b"PATH"] = environ[b"PATH"]  # where the programs are looked for
    _stop(directory)
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)
    reading, writing = os.pipe()
    try:
        pid = os.fork()
    except OSError as error:
        return fatal(NAME, b"unable to start a process", error)
    if not pid:
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        pathexec.become([b"svscan", directory], environ, _own_or_found(own, b"svscan"))
        os._exit(111)
    os.dup2(reading, 0)
    os.close(writing)
    title = [b"readproctitle", b"service", b"errors:", DOTS]
    pathexec.become(title, environ, _own_or_found(own, b"readproctitle"))
    return 111


def _own_or_found(own: bytes, program: bytes) -> bytes:
    """Our own program, or whatever PATH has where this home has no bin."""
    place = own + b"/" + program
    return place if os.access(place, os.X_OK) else program


def _stop(directory: bytes) -> None:
    try:
        visitor, names = supervised.Visitor(), os.listdir(directory)
    except OSError:
        return
    for name in sorted(names):
        for place in (b"", b"/log"):
            with suppress(supervised.Trouble, OSError):
                visitor.enter(directory + b"/" + name + place)
                supervised.command(b"dx")
    os.chdir("/")
