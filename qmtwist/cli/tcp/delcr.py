"""delcr - take away the CR at the end of each line

    delcr

Copies standard input to standard output without the CR that stands before an LF. Other CRs stay, also one at the end of
a last line without LF.

Exit status: 0; 111 if standard input cannot be read or standard output not be written.

See also: addcr, fixcrio, mconnect
"""

from __future__ import annotations

from qmtwist.wire.carriage import DelCr

from .filtering import run


def main(arguments: list[bytes], home: str) -> int:
    """Copy until the end of standard input."""
    return run(b"delcr", DelCr())
