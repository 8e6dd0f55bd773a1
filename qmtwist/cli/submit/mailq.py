"""mailq: list the mail queue; this is sendmail -bp"""

from __future__ import annotations

from .sendmail import run


def main(arguments: list[bytes], home: str) -> int:
    """See sendmail."""
    return run(b"mailq", arguments, home)
