"""Ask a program about the message on descriptor 0, and understand its answer."""

from __future__ import annotations

import os

from qmtwist.agents.pathexec import spawn
from qmtwist.mail.errors import Temporary
from qmtwist.mail.reasons import is_lasting, reason
from qmtwist.rules.condition import holds


def ask(command: list[bytes]) -> bool:
    """Run the command, which shares descriptor 0 with us; whether it says yes. One that is not there says no.

    :raises Temporary: there is no answer now.
    """
    try:
        pid = spawn(command)
    except OSError as error:
        if is_lasting(error):
            return False
        raise Temporary(f"unable to run {os.fsdecode(command[0])}: {reason(error).decode()}") from error
    return holds(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
