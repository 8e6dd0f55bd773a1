"""newaliases: no database is made under this name

    newaliases

The aliases of fastforward are kept by qmail-newaliases. This name is what sendmail was called by, and like qmail's
sendmail it only says so.

Exit status: 100.
"""

from __future__ import annotations

from .sendmail import run


def main(arguments: list[bytes], home: str) -> int:
    """See sendmail."""
    return run(b"newaliases", arguments, home)
