"""Copy standard input to standard output, changed."""

from __future__ import annotations

import os

from qmtwist.agents.tcp.copying import Change
from qmtwist.cli.chain import fatal
from qmtwist.store import durable

BLOCK_BYTES = 65536


def run(name: bytes, change: Change) -> int:
    """The exit status of the program `name`."""
    step = b"unable to read input"
    try:
        while data := os.read(0, BLOCK_BYTES):
            step = b"unable to write output"
            durable.write_all(1, change.feed(data))
            step = b"unable to read input"
        step = b"unable to write output"
        durable.write_all(1, change.end())
    except OSError as error:
        return fatal(name, step, error)
    return 0
