"""maildir - deliver a message into a maildir

    maildir DIR < MESSAGE

Writes standard input into the maildir DIR: as `safecat DIR/tmp DIR/new`, without printing the name. Errors are
reported by the name of safecat.

Exit status: 0 delivered, for good; 100 wrong usage; 111 trouble, which is said on standard error.
"""

from __future__ import annotations

from qmtwist.agents.mailbox.safecat import keep_input
from qmtwist.cli.chain import fatal, say
from qmtwist.store.refusal import Refused


def main(arguments: list[bytes], home: str) -> int:
    """Keep the input in new/."""
    if len(arguments) != 1:
        say(b"maildir: usage: maildir dir")
        return 100
    try:
        keep_input(arguments[0] + b"/tmp", arguments[0] + b"/new")
    except Refused as refusal:
        return fatal(b"safecat", refusal.text)
    return 0
