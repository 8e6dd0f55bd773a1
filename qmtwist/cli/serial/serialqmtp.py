"""serialqmtp: send the messages that maildirserial names by QMTP

    maildirserial DIR PREFIX tcpclient HOST 209 serialqmtp PREFIX

Speaks QMTP on descriptors 6 (read) and 7 (write), which tcpclient has connected. For each file name on descriptor 0 it
sends the message to the address in its second line, `Delivered-To:`, without PREFIX; the sender is that in its first
line, `Return-Path:`. Neither line is sent. Files that are not like that are passed over. No message waits for the
answer to the one before it.

The answer on descriptor 1 is the other host's: K, Z or D with `IP said: TEXT`, or just TEXT if the variable TCPREMOTEIP
does not name the IP. Answers may take an hour; whoever does not read for 73 seconds is given up.

Exit status: 0 all files were tried; 111 the connection ended too early, or made no sense; 100 wrong arguments.
"""

from __future__ import annotations

import os

from qmtwist.agents.serial.ends import Fatal
from qmtwist.agents.serial.serialqmtp import SerialQmtp
from qmtwist.store.durable import write_all


def main(arguments: list[bytes], home: str) -> int:
    """See the module."""
    if not arguments:
        write_all(2, b"serialqmtp: usage: serialqmtp prefix\n")
        return 100
    try:
        SerialQmtp(arguments[0], os.environb.get(b"TCPREMOTEIP")).run()
    except Fatal as fatal:
        write_all(2, b"serialqmtp: fatal: %s\n" % fatal.text)
        return 111
    return 0
