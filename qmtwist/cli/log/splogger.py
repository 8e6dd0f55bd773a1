"""splogger - write lines to the system log

    splogger [TAG [FACILITY]]

Sends every line of standard input to syslog, with TAG (splogger) as the name of the program, in the FACILITY of this
number: 2, mail, by default; 3 is daemon. In front of a line is its time, seconds and microseconds since 1970:

    Nov 21 05:13:49 host qmail: 928424123.963558 delivery 153: success: did_1+0+0/

    qmail-start ./Mailbox splogger qmail

A line that begins with `alert:` or `warning:` has that level, all others have info. What is not printable ASCII becomes
a question mark. A line of more than 799 bytes goes on in another entry, with a + behind its time; an empty line is left
out.

Entries that come while nothing listens at /dev/log are lost; how many is logged afterwards. A log that is slow makes
splogger wait. multilog loses nothing.

Exit status: 0 at the end of the input; 111 if it cannot be read.

See also: multilog, cyclog, accustamp
"""

from __future__ import annotations

import os
import time

from qmtwist.agents.log.syslogger import SystemLog
from qmtwist.cli.chain import fatal
from qmtwist.logbook import syslog

NAME = b"splogger"
_READ_BYTES = 65536


def main(arguments: list[bytes], home: str) -> int:
    """Send lines until the input ends."""
    tag, facility = [*arguments[:2], *(NAME, b"%d" % syslog.MAIL)[len(arguments[:2]) :]]
    log = SystemLog(tag, int(facility) if facility.isdigit() and len(facility) <= 2 else syslog.MAIL)
    lines = syslog.Lines(lambda: time.time_ns() // 1000)
    status = 0
    try:
        while data := os.read(0, _READ_BYTES):
            for entry in lines.receive(data):
                log.send(entry)
    except OSError as error:
        status = fatal(NAME, b"unable to read input", error)
    for entry in lines.end():
        log.send(entry)
    return status
