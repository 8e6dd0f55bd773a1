"""qmail-start - turn on mail delivery

qmail-start [ defaultdelivery [ logger arg ... ] ]

Runs the queue and all deliveries of this home in the foreground, without listeners; services such as qmail-smtpd under
tcpserver bring mail in. (`twistd qmtwist` runs the same with listeners.)

defaultdelivery  delivery instructions, in dot-qmail(5) form, for users without a .qmail file. Default: ./Mailbox
logger arg ...   a program that reads the log from its standard input, run as qmaill. Without one the log goes to
                 standard output.

TERM stops cleanly, ALRM tries every deferred message now, HUP rereads control.

Exit status: 0 after a clean stop; 100 for a logger that cannot be run; 111 when it cannot start, with the reason in
the log.
"""

from __future__ import annotations

import os

from qmtwist.agents.log.logger import start_logger

DEFAULT = b"./Mailbox"


def main(arguments: list[bytes], home: str) -> int:
    """Run; see the module's text."""
    delivery = arguments[0] if arguments else DEFAULT
    if len(arguments) > 1:
        start_logger(arguments[1:])
    os.chdir("/")
    os.umask(0o077)
    from qmtwist.services.run import run_foreground  # Twisted takes its time

    return run_foreground(
        ["--home", home, "--no-listeners", "--strict-log", "--default-delivery", os.fsdecode(delivery)]
    )
