r"""qmail-remote: send a message to another host

    qmail-remote HOST SENDER RECIPIENT...

Reads a message from descriptor 0 and sends it to recipients at HOST, by SMTP or QMTP: to the relay that
control/qmtproutes or control/smtproutes names, else to the mail exchangers of HOST. qmail-rspawn runs it for each
delivery if it was put in place of the server's own remote agent (QMAILREMOTE, or another program as bin/qmail-remote);
by hand it shows what a host says:

    qmail-remote far.example you@example.org joe@far.example <message | tr '\0' '\n'

Prints records that end with NUL: for each recipient `r` (accepted), `h` (refused for good) or `s` (refused for now)
with a text, then for the message `K` (success), `Z` (for now) or `D` (never) with a text. There may be fewer records of
recipients than recipients; those without one share the fate of the message.

Control files: me, helohost, smtproutes, qmtproutes, tlspolicy, tlsca, outgoingip, outgoingfamilies, localaddresses,
nameservers, timeoutconnect, timeoutremote. Hosts that timed out are remembered in queue/lock/tcpto, see qmail-tcpto.

Exit status: always 0; the records say how it went.
"""

from __future__ import annotations

import os

from qmtwist.agents.remote.deliver import Delivery, Order, temporary
from qmtwist.agents.remote.message import Message
from qmtwist.control.complaints import Complaints
from qmtwist.control.remote import load_remote
from qmtwist.store.deadhosts import DeadHosts
from qmtwist.store.durable import write_all
from qmtwist.store.queue.layout import Layout
from qmtwist.wire.remotereport import Result


def main(arguments: list[bytes], home: str) -> int:
    """HOST, SENDER and at least one RECIPIENT."""
    bug = b""
    try:
        result = _deliver(arguments, home)
    except MemoryError:
        result = temporary("Out of memory. (#4.3.0)\n")
    except Exception:  # a bug: the message stays in the queue, and the text behind the records is in nobody's way
        import traceback

        bug = traceback.format_exc().encode()
        result = temporary("Internal qmail-remote bug. (#4.3.0)\n")
    write_all(1, result.records())
    if bug:
        write_all(2, bug)
    return 0


def _deliver(arguments: list[bytes], home: str) -> Result:
    if len(arguments) < 3:
        return Result((), b"D", b"I (qmail-remote) was invoked improperly. (#5.3.5)\n")
    host, sender, *recipients = arguments
    try:
        os.chdir(home)
    except OSError:
        return temporary("Unable to switch to home directory. (#4.3.0)\n")
    try:
        settings = load_remote(".")
    except Complaints:
        return temporary("Unable to read control files. (#4.3.0)\n")
    dead_hosts = DeadHosts(Layout("queue").tcpto)
    with Message(0) as message:
        return Delivery(settings, dead_hosts, Order(host, sender, tuple(recipients)), message).run()
