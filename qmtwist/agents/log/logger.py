"""The program that reads our log: started with a pipe as its standard input, as qmaill where root starts us."""

from __future__ import annotations

import os

from qmtwist.agents.privileges import become
from qmtwist.control.accounts import system_account
from qmtwist.mail.shapes import NoReturn


def start_logger(command: list[bytes]) -> int:
    """Run the command on the reading end of a pipe whose writing end becomes our standard output; its process id.

    :raises OSError: no pipe or no process.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become_logger(command, reading, writing)
    os.close(reading)
    os.dup2(writing, 1)
    os.close(writing)
    return pid


def _become_logger(command: list[bytes], reading: int, writing: int) -> NoReturn:
    try:
        os.dup2(reading, 0)
        os.close(reading)
        os.close(writing)
        account = system_account("qmaill")
        if os.geteuid() == 0 and account is not None:
            become(account.uid, account.gid)
        os.execvp(command[0], command)
    except BaseException as error:
        os.write(2, b"qmail-start: fatal: unable to run %s: %s\n" % (command[0], str(error).encode()))
    finally:
        os._exit(100)
