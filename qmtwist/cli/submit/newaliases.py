"""newaliases: no database is made under this name

    newaliases

The aliases of fastforward are kept by qmail-newaliases. This name is what sendmail was called by, and like qmail's
sendmail it only says so.

Exit status: 100.
"""

from __future__ import annotations

from qmtwist.cli.chain import fatal


def main(arguments: list[bytes], home: str) -> int:
    """Arguments do not matter."""
    return fatal(b"sendmail", b"please use fastforward/newaliases instead", status=100)
