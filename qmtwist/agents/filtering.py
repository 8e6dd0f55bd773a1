"""Standard input through a function to standard output, a piece as soon as it comes."""

from __future__ import annotations

import os

from qmtwist.mail.shapes import Callable
from qmtwist.store import durable

_READ_BYTES = 65536


def run(change: Callable[[bytes], bytes], end: Callable[[], bytes] = bytes) -> int:
    """Until the input ends; the exit status: 0, or 111 if it cannot be read or written."""
    try:
        while data := os.read(0, _READ_BYTES):
            durable.write_all(1, change(data))
        durable.write_all(1, end())
    except OSError:
        return 111
    return 0
