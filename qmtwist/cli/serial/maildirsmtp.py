"""maildirsmtp: send the messages of a maildir to a host by SMTP

    maildirsmtp DIR PREFIX HOST HELOHOST

Is short for

    maildirserial -b -t 1209600 -- DIR PREFIX tcpclient -RHl0 -- HOST 25 serialsmtp PREFIX HELOHOST

so a message that could not be sent for two weeks goes back to its sender. See maildirserial and serialsmtp.

Exit status: that of maildirserial; 100 wrong arguments.
"""

from __future__ import annotations

from qmtwist.agents.serial.client import send_to
from qmtwist.store.durable import write_all


def main(arguments: list[bytes], home: str) -> int:
    """See the module."""
    if len(arguments) != 4:
        write_all(2, b"maildirsmtp: usage: maildirsmtp dir prefix host helohost\n")
        return 100
    directory, prefix, host, helohost = arguments
    return send_to(home, directory, prefix, host, b"25", [b"serialsmtp", prefix, helohost])
