"""Run a program with some lines in front of the message on descriptor 0. (qmail preline)"""

from __future__ import annotations

import os

from qmtwist.agents.pathexec import spawn
from qmtwist.mail.errors import Permanent, Temporary
from qmtwist.mail.reasons import is_lasting, reason
from qmtwist.store.durable import write_all
from qmtwist.store.signals import signal

_READ_BYTES = 65536


def feed(command: list[bytes], lines: bytes) -> int:
    """Run the command with the lines and then descriptor 0 on its own; its exit code.

    That it ends without having read everything is its own affair.

    :raises Permanent: it cannot be run.
    :raises Temporary: it cannot be run now, it crashed, or the message could not be read.
    """
    far, pipe = os.pipe()
    try:
        pid = spawn(command, far)
    except OSError as error:
        kind = Permanent if is_lasting(error) else Temporary
        raise kind(f"unable to run {os.fsdecode(command[0])}: {reason(error).decode()}") from error
    os.close(far)
    try:
        _copy(pipe, lines)
    except OSError as error:
        # Were its input to end now, the program would take the half of the message for the whole.
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise Temporary(f"unable to copy input: {reason(error).decode()}") from error
    os.close(pipe)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status < 0:
        raise Temporary("child crashed")
    return status


def _copy(pipe: int, lines: bytes) -> None:
    """The lines and descriptor 0 into the pipe, as far as they are read there.

    :raises OSError: descriptor 0 cannot be read.
    """
    piece = lines + os.read(0, _READ_BYTES)
    while piece:
        try:
            write_all(pipe, piece)
        except BrokenPipeError:
            return
        piece = os.read(0, _READ_BYTES)
