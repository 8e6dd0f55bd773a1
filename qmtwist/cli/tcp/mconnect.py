"""mconnect - talk to a mail server by hand

    mconnect HOST [PORT]

Connects to the SMTP port (25) or another port of HOST. Lines from standard input go to the server, with a CR before
each LF; what the server says goes to standard output, without them. At the end of standard input the server is told so;
the program ends when the server closes the connection.

Exit status: 0; 100 without HOST; 111 if there is no connection.

See also: tcpclient, addcr, delcr
"""

from __future__ import annotations

from _socket import SHUT_WR

from qmtwist.agents.tcp import copying
from qmtwist.cli.chain import say
from qmtwist.wire.carriage import AddCr, DelCr

from .tcpclient import Wishes, connect


def main(arguments: list[bytes], home: str) -> int:
    """Connect, and copy until the server hangs up."""
    if not arguments:
        say(b"mconnect: usage: mconnect host [ port ]")
        return 100
    sock = connect(b"mconnect", arguments[0], arguments[1] if len(arguments) > 1 else b"25", Wishes(), home)
    if isinstance(sock, int):
        return sock

    def say_goodbye(_: int) -> None:
        try:
            sock.shutdown(SHUT_WR)
        except OSError:  # it has gone
            return

    incoming = copying.Flow(sock.fileno(), 1, DelCr(), leave=lambda _: None)
    outgoing = copying.Flow(0, sock.fileno(), AddCr(), leave=say_goodbye)
    copying.run((incoming, outgoing), incoming)
    return 0
