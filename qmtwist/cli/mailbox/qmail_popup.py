"""qmail-popup - take a POP3 user's name and password

usage: qmail-popup HOST CHECKPASSWORD [ARGUMENT...]

Speaks the first part of POP3 (RFC 1939) with a client on descriptors 0 and 1, usually below tcpserver:

    tcpserver -v -R 0 pop3 qmail-popup pop.example.org checkpassword qmail-pop3d Maildir

It greets with an APOP challenge that contains HOST, understands USER, PASS, APOP, NOOP and QUIT, and runs CHECKPASSWORD
with its arguments as soon as a name and a password are there. On its descriptor 3 that program reads name, password
and challenge, each ended by a NUL; descriptors 0 and 1 are the connection. It checks them, becomes the user
and executes its argument, which serves the mailbox.

If that program ends with another status than 0 the client is told `-ERR authorization failed`. There is one try per
connection. After 1200 seconds of silence the connection is closed.

Exit status: always 1.
"""

from __future__ import annotations

import time

from qmtwist.agents.mailbox.pop3 import Connection, popup


def main(arguments: list[bytes], home: str) -> int:
    """Serve one connection until its password is checked and the session behind it over."""
    connection = Connection()
    if len(arguments) < 2:
        try:
            connection.write(b"-ERR usage: popup hostname subprogram\r\n")
        except OSError:
            return 1
        return 1
    return popup(arguments[0], arguments[1:], int(time.time()), connection)
