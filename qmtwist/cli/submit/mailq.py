"""mailq: list the mail queue

    mailq

Runs qmail-qread, as sendmail -bp does. The options of sendmail are accepted, and change nothing.

Exit status: that of qmail-qread; 64 for an option that no sendmail has; 75 when it cannot be run.
"""

from __future__ import annotations

from .sendmail import run


def main(arguments: list[bytes], home: str) -> int:
    """See sendmail."""
    return run(b"mailq", arguments, home)
