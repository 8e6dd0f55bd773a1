"""recordio - record the dialogue of a server

    recordio PROGRAM [ARGUMENT...]

Runs PROGRAM and stands between it and its descriptors 0 and 1. Everything that passes is copied to descriptor 2: lines
that PROGRAM reads as `PID < text`, those that it writes as `PID > text`. PID is the process id of PROGRAM. A line that
is complete ends with one blank; one that goes on, because it came in pieces or is longer than 256 bytes, ends with `+`.
A CR stays where it is. `PID < [EOF]` and `PID > [EOF]` tell the end of a direction.

    tcpserver -v -R 0 smtp recordio qmail-smtpd 2>&1

Passwords are recorded like everything else: whoever reads the log can use them. The service inside the daemon records
sessions without them (control/recordio).

Exit status: that of PROGRAM; 100 without one; 111 if it cannot be run.

See also: tcpserver, fixcrio
"""

from __future__ import annotations

import os

from qmtwist.agents.tcp import copying
from qmtwist.cli.chain import fatal, say
from qmtwist.logbook import recordio
from qmtwist.mail.errors import suppress
from qmtwist.store import durable


def main(arguments: list[bytes], home: str) -> int:
    """Become the program; a child records."""
    if not arguments:
        say(b"recordio: usage: recordio program [ arg ... ]")
        return 100
    pid = os.getpid()

    def flows(to_program: int, from_program: int) -> tuple[copying.Flow, copying.Flow]:
        return (
            copying.Flow(0, to_program, note=_Recorder(pid, b"<").note),
            copying.Flow(from_program, 1, note=_Recorder(pid, b">").note),
        )

    error = copying.stand_between(arguments, os.environb, flows)
    return fatal(b"recordio", b"unable to run " + arguments[0], error)


class _Recorder:
    """Writes one direction to the log."""

    def __init__(self, pid: int, mark: bytes) -> None:
        self._pid, self._mark = pid, mark

    def note(self, data: bytes) -> None:
        with suppress(OSError):  # a log that nobody reads
            durable.write_all(
                2, recordio.words(self._pid, self._mark, data) if data else recordio.end(self._pid, self._mark)
            )
