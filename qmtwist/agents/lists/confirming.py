"""Do what authors say about messages that wait for them. (ezmlm-confirm)"""

from __future__ import annotations

import os

from qmtwist.mail.errors import Permanent, Temporary
from qmtwist.rules.lists.moderation import Decision, is_valid
from qmtwist.store.lists.directory import ListDirectory
from qmtwist.store.lists.files import give_up
from qmtwist.store.lists.pending import UNCONFIRMED, Pending

from .moderate import Terms, hold

_CONFIRMED = Terms(confirms=False)


def confirm(home: str, directory: str, decision: Decision, program: list[bytes], now: int) -> str:
    """Do what an author wants with the message that waits for them; what became of it.

    A `program` gets the message in the place of what we do with those that need no confirmation.

    :raises Permanent: that cannot be done, and the author should know.
    :raises Temporary: not now.
    """
    if not is_valid(decision, ListDirectory(directory).key()):
        raise Permanent("I do not know this address", "5.1.1")
    pending, name = Pending(directory), os.fsdecode(decision.name)
    with pending.lock():
        if pending.state(name) != UNCONFIRMED:
            raise Permanent("the message is not there any more", "5.7.0")
        if decision.word == b"confirm":
            sender = pending.sender(name, UNCONFIRMED)
            _stand_in(pending.path(name, UNCONFIRMED))
            if program:
                _run(program, sender)
            else:
                hold(home, directory, sender, now, _CONFIRMED)
        pending.drop(name, UNCONFIRMED)
    return "confirmed" if decision.word == b"confirm" else "discarded"


def _stand_in(path: str) -> None:
    """Put the message in the place of the letter on descriptor 0."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        os.dup2(descriptor, 0)
        os.close(descriptor)
    except OSError as error:
        give_up(f"unable to read {path}", error)


def _run(program: list[bytes], sender: bytes) -> None:
    """Let a program have the message.

    :raises Permanent: it refuses the message.
    :raises Temporary: it does not end well.
    """
    words = [b"/bin/sh", b"-c", *program] if len(program) == 1 else program
    environ = {**os.environb, b"SENDER": sender}
    try:
        pid = os.posix_spawnp(words[0], words, environ)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except OSError as error:
        raise Temporary(f"unable to run {os.fsdecode(words[0])}") from error
    if code == 100:
        raise Permanent("the message has been refused")
    if code not in (0, 99):
        raise Temporary(f"{os.fsdecode(words[0])} ended with {code}")
