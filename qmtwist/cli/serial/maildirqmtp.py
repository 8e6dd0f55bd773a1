"""maildirqmtp: send the messages of a maildir to a host by QMTP

    maildirqmtp DIR PREFIX HOST

Is short for

    maildirserial -b -t 1209600 -- DIR PREFIX tcpclient -RHl0 -- HOST 209 serialqmtp PREFIX

so a message that could not be sent for two weeks goes back to its sender. See maildirserial and serialqmtp.

Exit status: that of maildirserial; 100 wrong arguments.
"""

from __future__ import annotations

from qmtwist.agents.serial.client import send_to
from qmtwist.store.durable import write_all


def main(arguments: list[bytes], home: str) -> int:
    """See the module."""
    if len(arguments) != 3:
        write_all(2, b"maildirqmtp: usage: maildirqmtp dir prefix host\n")
        return 100
    directory, prefix, host = arguments
    return send_to(home, directory, prefix, host, b"209", [b"serialqmtp", prefix])
