"""The other side of the checkpassword interface: check users/passwords, become the user, execute a program.

Exit statuses as everywhere in that family: 1 wrong name or password, 2 misused, 111 try later.
"""

from __future__ import annotations

import os

from qmtwist.agents import privileges
from qmtwist.control.grammar import parse_names, read_line, read_list, read_map
from qmtwist.control.passwords import PasswordFile
from qmtwist.control.users import ALIAS, Account, find_account
from qmtwist.mail.address import split
from qmtwist.mail.errors import MailError
from qmtwist.rules.routing import Routes, route

from .checkpassword import RECORD_LIMIT_BYTES

RECORD_DESCRIPTOR = 3
REFUSED, MISUSED, LATER = 1, 2, 111


def authenticate(home: str, command: list[bytes]) -> int:
    """Read a record on descriptor 3 and, if it is right, go on as `command`; returns only if that cannot be."""
    try:
        record = _read_record()
    except OSError:
        return MISUSED
    if not command or record.count(b"\0") < 3:
        return MISUSED
    if len(record) > RECORD_LIMIT_BYTES:
        return REFUSED
    name, secret, _ = record.split(b"\0")[:3]
    try:
        local = mailbox_of(home, name)
        if not PasswordFile(home).check(name, secret, local or name) or local is None:
            return REFUSED
        account = find_account(home, local)
        if account.user == ALIAS and account.ext == local and os.geteuid() == 0:
            return REFUSED  # a password is left of somebody who is gone
        return _go_on(account, command)
    except (MailError, OSError, privileges.NotPermitted):
        return LATER


def mailbox_of(home: str, name: bytes) -> bytes | None:
    """The local part whose mailbox a login name means; None: the domain in it is not ours.

    :raises OSError: a control file cannot be read.
    """
    if b"@" not in name:
        return name or None
    me = read_line(home, "me") or b""
    names = read_list(home, "locals")
    routes = Routes(parse_names([me] if names is None else names), read_map(home, "virtualdomains"), (), me)
    chosen = route(name, routes)
    return split(chosen.recipient)[0] or None if chosen.channel == "local" else None


def _read_record() -> bytes:
    data = b""
    while len(data) <= RECORD_LIMIT_BYTES:
        piece = os.read(RECORD_DESCRIPTOR, RECORD_LIMIT_BYTES + 1 - len(data))
        if not piece:
            break
        data += piece
    os.close(RECORD_DESCRIPTOR)
    return data


def _go_on(account: Account, command: list[bytes]) -> int:
    """Become the user in his home and execute the program.

    :raises OSError, privileges.NotPermitted: that cannot be.
    """
    import signal

    privileges.become(account.uid, account.gid)
    os.chdir(account.home)
    os.environb.update({b"USER": account.user, b"HOME": account.home, b"SHELL": b"/bin/sh"})
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and that is inherited
    os.execvp(command[0], command)
