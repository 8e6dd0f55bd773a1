"""predate: put a Date field in front of a message

    predate program [ argument ... ]

Runs the program with standard input behind one more line: `Date: 21 Nov 2026 06:13:49 +0100`, the local time. The zone
is that of TZ, else of /etc/localtime. If the input has a Date field already, there are two.

    predate qmail-inject joe@example.org < message

Exit status: that of the program; 100 without one; 111 when it cannot be run or was killed by a signal, or when standard
input cannot be read, in which case the program is killed.

See also: datemail
"""

from __future__ import annotations

import os

from qmtwist.agents import pathexec
from qmtwist.cli.chain import fatal, say
from qmtwist.cli.localdate import date_field
from qmtwist.store.durable import write_all
from qmtwist.store.signals import signal

_READ_BYTES = 65536


def main(arguments: list[bytes], home: str) -> int:
    """The program and its arguments."""
    if not arguments:
        say(b"predate: usage: predate child")
        return 100
    try:
        reading, writing = os.pipe()
    except OSError as error:
        return fatal(b"predate", b"unable to create pipe", error)
    try:
        child = pathexec.spawn(arguments, reading)
    except OSError as error:
        return fatal(b"predate", b"unable to run " + arguments[0], error)
    os.close(reading)
    try:
        _feed(writing)
    except BrokenPipeError:
        pass  # it has read what it wanted
    except OSError as error:
        os.kill(child, signal.SIGKILL)  # before it takes the end of the pipe for that of the message
        os.waitpid(child, 0)
        return fatal(b"predate", b"unable to read input", error)
    os.close(writing)
    status = os.waitpid(child, 0)[1]
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else fatal(b"predate", b"child crashed")


def _feed(descriptor: int) -> None:
    write_all(descriptor, date_field())
    while data := os.read(0, _READ_BYTES):
        write_all(descriptor, data)
