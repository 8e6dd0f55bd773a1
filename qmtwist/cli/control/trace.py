"""qmtwist trace - where would mail for an address go?

    qmtwist trace [--home DIR] ADDRESS...

Prints for each address what decides about it, and how it ends: the control file that keeps it here or sends it away;
for local mail the user it belongs to, the .qmail file that serves it and what that file says; for other hosts the route
or the exchangers that the DNS names, in the order in which they are tried. An address without a host gets the one of
control/defaulthost. Nothing is sent, and no other host but name servers is asked.

    $ qmtwist trace joe-list@example.org
    joe-list@example.org
        control/locals has example.org: it stays here
        by the password file it belongs to joe (uid 1000), home /home/joe
        /home/joe/.qmail-list says:
            on to ann@example.net

Root sees every user's files, others those that they may read. What a program in a .qmail file would do is not known:
printforward looks into the aliases of fastforward. `sendmail -bv ADDRESS` is the same.

Exit status: 0; 100 when mail for one of them would come back, or for a wrong command line; 111 when it would wait, or
when that cannot be told now.
"""

from __future__ import annotations

import os

from qmtwist.cli.chain import fatal
from qmtwist.mail.shapes import NamedTuple, Sequence
from qmtwist.store.durable import write_all


class Exits(NamedTuple):
    """Exit statuses: one of the addresses gets no mail; that is not known, or the mail would wait."""

    nobody: int
    later: int


def main(arguments: list[bytes], home: str) -> int:
    """The addresses."""
    from .arguments import Parser, home_of

    parser = Parser("qmtwist trace", __doc__)
    parser.add_argument("--home")
    parser.add_argument("addresses", nargs="+")
    read = parser.parse_args([os.fsdecode(word) for word in arguments])
    return trace([os.fsencode(address) for address in read.addresses], home_of(read.home, home), Exits(100, 111))


def trace(addresses: Sequence[bytes], home: str, exits: Exits) -> int:
    """Print what becomes of each address; the exit status."""
    from qmtwist.agents.local import trace as agent
    from qmtwist.control.complaints import Complaints
    from qmtwist.mail.errors import MailError

    from .nullclient import is_null_client

    if is_null_client(home):
        write_all(1, b"".join([b"%s\n    the hub of control/qmqpservers gets it\n" % address for address in addresses]))
        return 0
    try:
        tracer = agent.Tracer(home)
    except (Complaints, MailError, OSError) as error:
        return fatal(b"qmtwist trace", str(error).encode("utf-8", "backslashreplace"), status=exits.later)
    verdicts = set()
    for address in addresses:
        traced = tracer.trace(address)
        verdicts.add(traced.verdict)
        write_all(1, address + b"\n" + b"".join([b"    " + line + b"\n" for line in traced.lines]))
    return exits.nobody if agent.NOBODY in verdicts else exits.later if agent.LATER in verdicts else 0
