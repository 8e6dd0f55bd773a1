"""matchup - match the lines of the log into deliveries and messages

    matchup < LOG > HISTORIES 5> PENDING

Reads the log of the queue manager (qmail-log) and prints a line for each delivery attempt that ended and one for each
message that is gone:

    d KIND BIRTH START END BYTES <SENDER> CHANNEL.RECIPIENT QP UID REASON
    m BIRTH END BYTES SUCCESSES FAILURES DEFERRALS <SENDER> QP UID

KIND is k for success, d for failure, z for deferral. BIRTH is when the message was queued, START and END when the
attempt began and ended. Addresses are in lower case. What the log does not tell is `?`, or 0 for BYTES. The reports
zoverall, zddist, zdeferrals, zfailures, zsuccesses, zrecipients, zrhosts, zrxdelay, zsenders, zsuids and zsendmail read
these lines, and so do the selections xqp, xrecipient and xsender.

What has not ended is written to descriptor 5, with a last line that has no end yet; put it in front of the next log:

    cat pending @40*.s | matchup > histories 5> pending.new && mv pending.new pending

A line of the log begins with its instant: seconds with decimals as of accustamp or tai64nfrac, or a TAI64N label as of
multilog. Lines of splogger in syslog's files, of syslog with ISO dates, of journalctl (-o short-unix, -o json) and of a
server with --log-format json are read as well. Instants are copied as they are, except for labels and dates, which
become seconds. `warning:` and `alert:` lines are copied, lines of a status left out; all others get `? ` in front.

Time grows with the length of the log, memory with the number of messages that are open at once.

Exit status: 0; 111 if descriptor 5 is not open, or something cannot be read or written.

See also: qmtwist stats
"""

from __future__ import annotations

import os

from qmtwist.agents.log.lines import Lines
from qmtwist.cli.chain import fatal
from qmtwist.logbook.analysis.matchup import Matchup, matched
from qmtwist.store.durable import write_all

from .matched import wrong_call

NAME = b"matchup"
PENDING = 5
_TOGETHER = 2000  # pieces of pending state that are written at once


def main(arguments: list[bytes], home: str) -> int:
    """Match standard input."""
    if arguments:
        return wrong_call(NAME, b"")
    step = b"unable to write descriptor 5"
    try:
        os.fstat(PENDING)  # before anything is printed that would have to be printed again
        step = b"unable to read input"
        matchup, lines = Matchup(), Lines()
        for block in lines:
            step = b"unable to write output"
            write_all(1, matched(matchup, block))
            step = b"unable to read input"
        step = b"unable to write descriptor 5"
        together: list[bytes] = []
        for line in matchup.pending():
            together += [line, b"\n"]
            if len(together) > _TOGETHER:
                write_all(PENDING, b"".join(together))
                together = []
        write_all(PENDING, b"".join(together))
        write_all(PENDING, lines.rest)
    except OSError as error:
        return fatal(NAME, step, error)
    return 0
