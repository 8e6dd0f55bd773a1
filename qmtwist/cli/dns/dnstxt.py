"""dnstxt: look up the TXT records of names

    dnstxt name ...

Prints for each name its TXT records on one line, or an empty line if it has none. The strings of a record are joined;
several records follow each other with a blank between them, in the server's order. What cannot be printed is shown as
`?`. The DNS servers are those of control/nameservers, else those of /etc/resolv.conf. (djbdns)

Exit status: 0; 111 when DNS does not answer for now.
"""

from __future__ import annotations

from functools import partial

from qmtwist.mail.dns import Kind, Question, Status
from qmtwist.mail.errors import Temporary

from .common import resolver, run


def main(arguments: list[bytes], home: str) -> int:
    """Each argument is a name."""
    for name in arguments:
        if status := run(partial(_text, home, name)):
            return status
    return 0


def _text(home: str, name: bytes) -> bytes:
    (answer,) = resolver(home).ask(Question(name, Kind.TXT))
    if answer.status is Status.TROUBLE:
        shown = name.decode("ascii", "replace")
        raise Temporary(f"dnstxt: fatal: unable to find TXT records for {shown}: temporary failure")
    return bytes(byte if 32 <= byte <= 126 else ord("?") for byte in b" ".join(answer.records)) + b"\n"
