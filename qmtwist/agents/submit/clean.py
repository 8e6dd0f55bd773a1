"""qmail-clean's work: deletes on request, for a queue manager that may not touch these files. (qmail-clean(8))"""

from __future__ import annotations

import os
import time

from qmtwist.store.queue import clean
from qmtwist.store.queue.layout import Layout

DONE, FAILED, BAD = b"+", b"!", b"x"
SHORTEST_BYTES, LONGEST_BYTES = 7, 100  # of a command with its NUL
_COMMANDS_BETWEEN_SWEEPS = 30


def answer(layout: Layout, command: bytes) -> bytes:
    """Carry out one command (without its NUL) and say how it went: always exactly one byte.

    `foop/N` removes intd and mess, `todo/N` intd and todo. Nothing is done unless the whole command makes sense.
    """
    verb, digits = command[:5], command[5:]
    if not SHORTEST_BYTES <= len(command) + 1 <= LONGEST_BYTES or not digits.isdigit():
        return BAD
    number = int(digits)
    try:
        if verb == b"foop/":
            clean.remove(layout, number)
        elif verb == b"todo/":
            clean.remove_todo(layout, number)
        else:
            return BAD
    except OSError:
        return FAILED
    return DONE


def serve(layout: Layout, commands: int, answers: int) -> None:
    """Obey until the end of `commands`; an incomplete command at the end is dropped.

    Before the first command and before every 31st after it, files in pid/ that crashed writers left are removed.

    :raises OSError: one of the descriptors failed.
    """
    until_sweep, rest = 0, b""
    while True:
        if until_sweep == 0:
            clean.remove_staged(layout, time.time())
            until_sweep = _COMMANDS_BETWEEN_SWEEPS + 1
        while b"\0" not in rest:
            data = os.read(commands, 4096)
            if not data:
                return
            # A command that is too long anyway need not be kept whole to be refused.
            rest = rest[: LONGEST_BYTES + 1] + data
        command, _, rest = rest.partition(b"\0")
        os.write(answers, answer(layout, command))
        until_sweep -= 1
