"""mailq: list the mail queue

    mailq

Runs qmail-qread, as sendmail -bp does; the options of sendmail are accepted.

Exit status: that of qmail-qread.
"""

from __future__ import annotations

from .sendmail import run


def main(arguments: list[bytes], home: str) -> int:
    """See sendmail."""
    return run(b"mailq", arguments, home)
