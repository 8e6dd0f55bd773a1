"""instcheck - is this home in order?

    instcheck

The same as `qmtwist check` for this home: prints nothing if it is in order, else one line for each thing that is wrong,
with the command that mends it; `qmtwist help check` says what is looked at. Nothing is changed.

Exit status: 0 if nothing is wrong, 1 if something is, 111 if there is no such home.
"""

from __future__ import annotations

import os
import sys

from . import check


def main(arguments: list[bytes], home: str) -> int:
    """Print what is wrong."""
    if not os.path.isdir(home):
        sys.stderr.write(f"instcheck: fatal: unable to switch to {home}\n")
        return 111
    return check.main([], home)
