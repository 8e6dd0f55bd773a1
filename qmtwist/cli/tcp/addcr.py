"""addcr - put a CR before each LF

    addcr

Copies standard input to standard output, with a CR before each LF, whether there is one already or not. A last line
without LF gets none.

Exit status: 0; 111 if standard input cannot be read or standard output not be written.

See also: delcr, fixcrio, mconnect
"""

from __future__ import annotations

from qmtwist.wire.carriage import AddCr

from .filtering import run


def main(arguments: list[bytes], home: str) -> int:
    """Copy until the end of standard input."""
    return run(b"addcr", AddCr())
