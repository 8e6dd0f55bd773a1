"""serialsmtp: send the messages that maildirserial names by SMTP

    maildirserial DIR PREFIX tcpclient HOST 25 serialsmtp PREFIX HELOHOST

Speaks SMTP on descriptors 6 (read) and 7 (write), which tcpclient has connected, and says EHLO HELOHOST (or HELO).
For each file name on descriptor 0 it sends the message to the address in its second line, `Delivered-To:`, without
PREFIX; the sender is that in its first line, `Return-Path:`. Neither line is sent. Files that are not like that are
passed over.

The answer on descriptor 1 is K, Z or D with what the other host said last:
`IP to: RECIPIENT said: REPLY`, or just REPLY if the variable TCPREMOTEIP does not name the IP. Whoever does not answer
for 81 seconds, or does not read for 73, is given up.

Exit status: 0 all files were tried; 111 the connection was of no use, or ended too early; 100 wrong arguments.
"""

from __future__ import annotations

import os

from qmtwist.agents.serial.ends import Fatal
from qmtwist.agents.serial.serialsmtp import SerialSmtp
from qmtwist.store.durable import write_all


def main(arguments: list[bytes], home: str) -> int:
    """See the module."""
    if len(arguments) < 2:
        write_all(2, b"serialsmtp: usage: serialsmtp prefix helohost\n")
        return 100
    prefix, helohost, *_ = arguments
    try:
        SerialSmtp(prefix, helohost, os.environb.get(b"TCPREMOTEIP")).run()
    except Fatal as fatal:
        write_all(2, b"serialsmtp: fatal: %s\n" % fatal.text)
        return 111
    return 0
