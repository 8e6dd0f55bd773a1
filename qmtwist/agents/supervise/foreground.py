"""Wait for a program that puts itself into the background. (djb fghack)"""

from __future__ import annotations

import os

from qmtwist.mail.shapes import Callable, NoReturn

COPIES = 30
"""How many copies of the pipe the program gets: a daemon may close the first few descriptors, but hardly all."""
PIECE_BYTES = 4096


def run(become: Callable[[], int]) -> int:
    """Start a program; come back when it and all that it has started have ended, or closed every descriptor.

    `become` turns the child into the program, or complains and gives the exit status. The result is the exit status of
    the program itself, or minus the signal that ended it.

    :raises OSError: there is no pipe, or no process.
    """
    held, holding = os.pipe()
    pid = os.fork()
    if not pid:
        _become(become, holding)
    os.close(holding)
    while os.read(held, PIECE_BYTES):  # what a program writes to a descriptor that it was not meant to know
        pass
    os.close(held)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _become(become: Callable[[], int], holding: int) -> NoReturn:
    status = 111
    try:
        for _ in range(COPIES):
            os.set_inheritable(os.dup(holding), True)
        status = become()
    finally:
        os._exit(status)
